package org.xomni.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.xomni.tensor.InputException;

class ImageTokensTest {
    @Test
    void isComparedByValueAndSharesNoArray() {
        int[] ids = {1, 2, 3, 4, 5, 6};
        ImageTokens tokens = new ImageTokens(2, 3, ids);
        ids[0] = 9;
        tokens.ids()[1] = 9;
        assertThat(tokens)
                .isEqualTo(new ImageTokens(2, 3, new int[] {1, 2, 3, 4, 5, 6}))
                .hasSameHashCodeAs(new ImageTokens(2, 3, tokens.ids()));
        assertThat(tokens).isNotEqualTo(new ImageTokens(3, 2, tokens.ids()));
    }

    @Test
    void rejectsWhatIsNotAGridOfCodes() {
        assertThatThrownBy(() -> new ImageTokens(2, 2, new int[3]))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("needs 4 tokens, but there are 3");
        assertThatThrownBy(() -> new ImageTokens(65536, 65536, new int[0]))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("4294967296");
        assertThatThrownBy(() -> new ImageTokens(0, 2, new int[0])).isInstanceOf(InputException.class).hasMessageContaining("at least 1");
        assertThatThrownBy(() -> new ImageTokens(1, 2, new int[] {0, -7}))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("token 1 is -7");
    }

    @Test
    void knowsWhetherItFitsACodebook() {
        ImageTokens tokens = new ImageTokens(1, 2, new int[] {3, 255});
        assertThat(tokens.requireCodebook(256)).isSameAs(tokens);
        assertThatThrownBy(() -> tokens.requireCodebook(255))
                .isInstanceOf(InputException.class)
                .hasMessage("token 1 is 255, but this checkpoint's codebook has only 255 codes; use tokens made by the same checkpoint");
    }
}
