package org.xomni.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.xomni.image.Samples.noise;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.Fixtures;
import org.xomni.tensor.InputException;
import tools.jackson.databind.JsonNode;

class PillowResizeTest {
    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void preparesTheGoldenImagesBitForBit(String fixture) {
        int compared = 0;
        for (JsonNode golden : Fixtures.golden(fixture).get("images")) {
            if (golden.get("accepted").booleanValue()) {
                Pixels image = ImageFiles.read(Fixtures.golden(fixture, golden.get("file").stringValue()));
                assertThat(image).hasToString("Pixels[" + golden.get("height") + "x" + golden.get("width") + "]");
                int[] size = Fixtures.ints(golden.get("resized"));
                Pixels expected = ImageFiles.read(Fixtures.golden(fixture, golden.get("resized_file").stringValue()));
                assertThat(PillowResize.bicubic(image, size[1], size[0])).as(golden.get("file").stringValue()).isEqualTo(expected);
                compared++;
            }
        }
        assertThat(compared).isPositive();
    }

    /** The checksums are Pillow 11.3.0's, see {@code make_samples.py}. */
    @Test
    void resizesAsPillowDoesToAnySize() {
        assertThat(Samples.lines("resized.txt")).hasSizeGreaterThan(60).allSatisfy(line -> {
            long[] n = Arrays.stream(line.split(" ")).mapToLong(Long::parseLong).toArray();
            Pixels resized = PillowResize.bicubic(noise((int) n[1], (int) n[0]), (int) n[3], (int) n[2]);
            assertThat(Samples.crc(resized)).isEqualTo(n[4]);
        });
    }

    @Test
    void returnsAnImageThatFitsAlready() {
        Pixels image = noise(4, 5);
        assertThat(PillowResize.bicubic(image, 4, 5)).isSameAs(image);
    }

    @Test
    void rejectsSizesThatAreNone() {
        assertThatThrownBy(() -> PillowResize.bicubic(noise(2, 2), 0, 3)).isInstanceOf(InputException.class).hasMessageContaining("0x3");
        assertThatThrownBy(() -> PillowResize.bicubic(noise(2, 2), 1 << 20, 1 << 20))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("at most");
    }
}
