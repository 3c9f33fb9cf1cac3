package org.xomni.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.nn.Conv2d;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class VectorQuantizerTest {
    private static final float[] CODES = {10, 0, 0, 1, 0, 0, -1, -1};

    @Test
    void comparesDirectionsNotDistances() {
        try (Scope scope = Scope.inference()) {
            Tensor features = Tensors.of(new float[] {2, 0, -9, 1.5f, 3, -8}, 1, 2, 1, 3);
            assertThat(Tensors.ints(quantizer().encode(features))).containsExactly(0, 1, 3);
        }
    }

    @Test
    void comparesMoreFeaturesThanItHoldsScoresFor() {
        Random random = new Random(1);
        int side = 50;
        float[] features = new float[2 * side * side];
        int[] expected = new int[side * side];
        for (int i = 0; i < expected.length; i++) {
            int code = new int[] {0, 1, 3}[random.nextInt(3)];
            float length = 0.1f + random.nextFloat();
            features[i] = CODES[2 * code] * length;
            features[expected.length + i] = CODES[2 * code + 1] * length;
            expected[i] = code;
        }
        try (Scope scope = Scope.inference()) {
            Tensor codes = quantizer().encode(Tensors.of(features, 1, 2, side, side));
            assertThat(Tensors.shape(codes)).containsExactly(1, side, side);
            assertThat(Tensors.ints(codes)).isEqualTo(expected);
        }
    }

    @Test
    void decodesToTheCodeAsStored() {
        try (Scope scope = Scope.inference()) {
            Tensor features = quantizer().decode(Tensors.of(new long[] {3, 0}, 1, 1, 2));
            assertThat(Tensors.shape(features)).containsExactly(1, 2, 1, 2);
            assertThat(Tensors.floats(features)).containsExactly(-1, 10, -1, 0);
        }
    }

    /** Four codes of two dimensions, which are the features themselves. */
    private static VectorQuantizer quantizer() {
        Conv2d identity = new Conv2d(Tensors.of(new float[] {1, 0, 0, 1}, 2, 2, 1, 1), Tensors.of(new float[2], 2), 1, 0);
        return new VectorQuantizer(identity, Tensors.of(CODES, 4, 2), identity, List.of());
    }
}
