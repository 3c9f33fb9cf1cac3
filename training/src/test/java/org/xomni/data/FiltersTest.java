package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTransform;

class FiltersTest {
    @Test
    void picturesOutsideTheLimitsAreRefusedByName() throws BrokenSample {
        SampleSource filtered = new Filters(10, 2, 600).over(sized());
        assertThat(filtered.sample(1020).key()).isEqualTo("10x20");
        assertThat(filtered.sample(2030).key()).isEqualTo("20x30");
        assertThatThrownBy(() -> filtered.sample(940)).isInstanceOf(BrokenSample.class)
                .hasMessage("9x40: a picture of 9x40 pixels has a short side below 10");
        assertThatThrownBy(() -> filtered.sample(2110)).isInstanceOf(BrokenSample.class).hasMessageContaining("narrower than 2.0 to 1");
        assertThatThrownBy(() -> filtered.sample(2130)).isInstanceOf(BrokenSample.class).hasMessageContaining("more than 600 pixels");
        assertThatThrownBy(() -> new Filters(30, 2, 600)).isInstanceOf(InputException.class).hasMessageContaining("choose filters");
    }

    @Test
    void resizingIsTheCheckpointsOwn() throws BrokenSample {
        ImageTransform transform = new ImageTransform(true, 16, 3, 32, 64, 8);
        SampleSource resized = Resized.by(transform, sized());
        Pixels expected = transform.resize(picture(20, 30));
        assertThat(expected.height()).isEqualTo(32);
        assertThat(resized.sample(2030).pictures()).containsExactly(new Picture.Raw(expected));
        assertThatThrownBy(() -> resized.sample(1520)).isInstanceOf(BrokenSample.class).hasMessageStartingWith("15x20: image is 20x15");
    }

    /** Sample 1234 has a picture 12 pixels high and 34 wide. */
    private static SampleSource sized() {
        return i -> {
            int height = (int) i / 100;
            int width = (int) i % 100;
            return new Sample.Generation(height + "x" + width, "", new Picture.Raw(picture(height, width)));
        };
    }

    private static Pixels picture(int height, int width) {
        Pixels pixels = new Pixels(height, width);
        for (int i = 0; i < pixels.rgb().length; i++) {
            pixels.rgb()[i] = (byte) Seeds.mix(i);
        }
        return pixels;
    }
}
