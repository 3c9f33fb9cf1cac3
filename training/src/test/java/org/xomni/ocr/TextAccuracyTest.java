package org.xomni.ocr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class TextAccuracyTest {
    @Test
    void caseWidthAndWhiteSpaceDoNotCount() {
        assertThat(TextAccuracy.exact(" open\n Late ", "OPEN LATE")).isTrue();
        assertThat(TextAccuracy.of("ＯＰＥＮ", "open")).isEqualTo(1);
    }

    @Test
    void missingExtraAndRepeatedTextCost() {
        assertThat(TextAccuracy.of("OPEN", "OPEN LATE")).isCloseTo(4 / 9.0, within(1e-12));
        assertThat(TextAccuracy.of("OPEN OPEN", "OPEN")).isCloseTo(4 / 9.0, within(1e-12));
        assertThat(TextAccuracy.of("OPEM", "OPEN")).isCloseTo(3 / 4.0, within(1e-12));
        assertThat(TextAccuracy.exact("OPEN OPEN", "OPEN")).isFalse();
    }

    @Test
    void nothingAskedAndNothingReadIsRight() {
        assertThat(TextAccuracy.of(" ", "")).isEqualTo(1);
        assertThat(TextAccuracy.of("A", "")).isEqualTo(0);
        assertThat(TextAccuracy.of("", "A")).isEqualTo(0);
    }
}
