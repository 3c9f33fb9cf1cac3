package org.xomni.ocr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class TextRegionsTest {
    private static final int SIDE = 64;
    private static final Offset<Double> EXACTLY = within(1e-9);

    /** A map in which everything inside a box has the probability {@code p}. */
    private static float[] map(TextBox box, float p) {
        float[] map = new float[SIDE * SIDE];
        for (int i = 0; i < map.length; i++) {
            double x = i % SIDE + .5 - box.centerX();
            double y = i / SIDE + .5 - box.centerY();
            double along = x * Math.cos(box.radians()) + y * Math.sin(box.radians());
            double across = y * Math.cos(box.radians()) - x * Math.sin(box.radians());
            map[i] = Math.abs(along) <= box.width() / 2 && Math.abs(across) <= box.height() / 2 ? p : .01f;
        }
        return map;
    }

    @Test
    void kernelGrowsByAreaOverPerimeter() {
        List<TextBox> boxes = TextRegions.find(FloatBuffer.wrap(map(TextBox.of(10, 20, 50, 30), .9f)), SIDE, SIDE);
        assertThat(boxes).hasSize(1);
        // 40 x 10, perimeter 100: 1.6 * 400 / 100 = 6.4 more on each side.
        assertThat(boxes.getFirst().left()).isCloseTo(3.6, EXACTLY);
        assertThat(boxes.getFirst().bottom()).isCloseTo(36.4, EXACTLY);
    }

    @Test
    void findsHowALineIsTurned() {
        TextBox turned = new TextBox(32, 30, 44, 8, .3);
        TextBox found = TextRegions.find(FloatBuffer.wrap(map(turned, .9f)), SIDE, SIDE).getFirst();
        assertThat(found.radians()).isCloseTo(.3, within(.04));
        assertThat(found.centerX()).isCloseTo(32, within(1.0));
        assertThat(found.centerY()).isCloseTo(30, within(1.0));
    }

    @Test
    void leavesOutSpecksAndWhatIsNotSure() {
        assertThat(TextRegions.find(FloatBuffer.wrap(map(TextBox.of(10, 10, 40, 12), .9f)), SIDE, SIDE)).isEmpty();
        assertThat(TextRegions.find(FloatBuffer.wrap(map(TextBox.of(10, 10, 40, 30), .4f)), SIDE, SIDE)).isEmpty();
    }
}
