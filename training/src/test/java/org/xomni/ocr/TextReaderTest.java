package org.xomni.ocr;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.xomni.image.Pixels;

class TextReaderTest {
    private static final Color NAVY = new Color(20, 30, 120);
    private static TextReader reader;

    @BeforeAll
    static void load() {
        reader = new TextReader();
    }

    @AfterAll
    static void close() {
        reader.close();
    }

    @Test
    void readsRowsFromTopToBottomAndPartsFromLeftToRight() throws Exception {
        try (var sign = new Lettering(160, 320, NAVY)) {
            sign.write("Bakery", 20, 140, 30, 0, Color.YELLOW);
            sign.write("right", 210, 52, 26, 0, Color.WHITE);
            sign.write("LEFT", 10, 50, 26, 0, Color.WHITE);
            Pixels picture = sign.pixels();
            assertThat(reader.text(picture)).isEqualTo("LEFT right\nBakery");
            List<TextLine> lines = reader.read(picture);
            assertThat(lines).extracting(TextLine::text).containsExactly("LEFT", "right", "Bakery");
            assertThat(lines).allMatch(line -> line.confidence() > .8);
            TextBox left = lines.getFirst().box();
            assertThat(left.left()).isBetween(0.0, 16.0);
            assertThat(left.bottom()).isBetween(48.0, 62.0);
            assertThat(reader.readKnownLines(picture, List.of(lines.get(2).box()))).extracting(TextLine::text).containsExactly("Bakery");
        }
    }

    @Test
    void readsATurnedLineAndASmallPicture() throws Exception {
        try (var turned = new Lettering(200, 260, Color.WHITE);
                var small = new Lettering(128, 128, Color.RED)) {
            assertThat(reader.text(turned.write("HARBOUR", 40, 70, 36, .35, Color.BLACK).pixels())).isEqualTo("HARBOUR");
            assertThat(reader.text(small.write("STOP", 32, 72, 26.6, 0, Color.WHITE).pixels())).isEqualTo("STOP");
        }
    }

    @Test
    void readsNothingWhereNothingIsWritten() {
        assertThat(reader.text(new Pixels(128, 128))).isEmpty();
        assertThat(reader.read(new Pixels(1, 1))).isEmpty();
        assertThat(reader.text(new Pixels(2000, 3))).isEmpty();
    }

    @Test
    void theRightTextIsTheMostProbable() throws Exception {
        try (var sign = new Lettering(64, 160, NAVY)) {
            Pixels picture = sign.write("Market", 20, 44, 30, 0, Color.WHITE).pixels();
            double[] likelihoods = reader.logLikelihoods(
                    picture, List.of(TextBox.of(14, 12, 136, 54)), List.of("MARKET", "MARKER", "HOTEL", ""))[0];
            assertThat(likelihoods[0]).isGreaterThan(-1).isLessThanOrEqualTo(0);
            assertThat(likelihoods[1]).isLessThan(likelihoods[0] - 2);
            assertThat(likelihoods[2]).isLessThan(likelihoods[1]);
            assertThat(likelihoods[3]).isLessThan(likelihoods[1]);
        }
    }
}
