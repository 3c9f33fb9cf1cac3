package org.xomni.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class ImageTransformTest {
    private static final ImageTransform RELEASED = new ImageTransform(true, 128, 3, 384, 1152, 16);

    @ParameterizedTest
    @MethodSource("org.xomni.tokenizer.Fixture#all")
    void resizesAsTheReferenceDoes(Fixture fixture) {
        ImageTransform transform = TokenizerConfig.read(fixture.model()).transform();
        assertThat(fixture.accepted()).hasSize(5).allSatisfy(golden -> {
            assertThat(transform.resize(golden.pixels())).isEqualTo(golden.resized());
        });
    }

    @ParameterizedTest
    @MethodSource("org.xomni.tokenizer.Fixture#all")
    void refusesWhatTheReferenceRefuses(Fixture fixture) {
        ImageTransform transform = TokenizerConfig.read(fixture.model()).transform();
        assertThat(fixture.images()).filteredOn(golden -> !golden.accepted()).hasSize(2).allSatisfy(golden ->
                assertThatThrownBy(() -> transform.resize(golden.pixels())).isInstanceOf(InputException.class));
    }

    @ParameterizedTest
    @CsvSource({
        "1152, 1152, 1152, 1152", // nothing to do
        "300, 500, 384, 640", // enlarged to the short side
        "3000, 2000, 1152, 768", // shrunk to the long side
        "200, 600, 384, 1152", // the largest ratio
        "2400, 800, 1152, 384",
        "392, 408, 384, 416", // halves go to the even number of patches: 24.5 and 25.5
        "128, 128, 384, 384", // the smallest image
    })
    void choosesTheSize(int height, int width, int expectedHeight, int expectedWidth) {
        assertThat(RELEASED.target(height, width)).isEqualTo(new ImageTransform.Size(expectedHeight, expectedWidth));
        assertThat(RELEASED.target(width, height)).isEqualTo(new ImageTransform.Size(expectedWidth, expectedHeight));
    }

    @Test
    void saysWhatIsWrongWithAnImage() {
        assertThatThrownBy(() -> RELEASED.target(127, 300))
                .isInstanceOf(InputException.class)
                .hasMessage("image is 300x127 (width x height), needs a short side of at least 128 pixels; use a larger image");
        assertThatThrownBy(() -> RELEASED.target(200, 601))
                .isInstanceOf(InputException.class)
                .hasMessage("image is 601x200 (width x height), needs a long side of at most 3.0 times the short one; crop it");
    }

    @Test
    void withoutFilteringRefusesOnlyWhatHasNoPatchesLeft() {
        ImageTransform all = new ImageTransform(false, 128, 3, 384, 1152, 16);
        assertThat(all.target(20, 200)).isEqualTo(new ImageTransform.Size(112, 1152));
        assertThatThrownBy(() -> all.target(1, 1000))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("needs a long side of at most 72 times the short one");
    }

    @Test
    void normalisesToMinusOneToOne() {
        Pixels pixels = new Pixels(1, 2, new byte[] {0, 51, (byte) 255, (byte) 204, 102, (byte) 153});
        try (Scope scope = Scope.inference()) {
            Tensor normal = ImageTransform.normalize(pixels, Numerics.cpu(DType.FLOAT32));
            assertThat(Tensors.shape(normal)).containsExactly(1, 3, 1, 2);
            assertThat(Tensors.floats(normal)).containsExactly(
                    -1f, (204 / 255f - .5f) / .5f, (51 / 255f - .5f) / .5f, (102 / 255f - .5f) / .5f, 1f, (153 / 255f - .5f) / .5f);
        }
    }
}
