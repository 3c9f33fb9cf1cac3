package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.Fixtures;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import tools.jackson.databind.JsonNode;

/** The numbers are those that libtorch draws from the same seed. */
class MersenneTwisterTest {

    private static double[] byLibtorch(Randomness randomness, int count) {
        try (Scope scope = Scope.inference()) {
            Tensor uniform = torch.empty(new long[] {count}, new TensorOptions(ScalarType.Double), null)
                    .uniform_(0, 1, new GeneratorOptional(randomness.generator()));
            return Tensors.segment(uniform).toArray(ValueLayout.JAVA_DOUBLE);
        }
    }

    /** What the reference's machine drew, whatever libtorch is here. */
    @Test
    void drawsWhatTheReferenceDrew() {
        MersenneTwister random = new MersenneTwister(1234);
        JsonNode expected = Fixtures.golden("tiny-en").get("exponential_seed_1234");
        random.next(expected.size(), 0, expected.size());
        for (int i = 0; i < expected.size(); i++) {
            assertThat((float) -Math.log1p(-random.uniform(i))).isEqualTo(expected.get(i).floatValue());
        }
        assertThat(expected.size()).isEqualTo(8);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 42, -1, 5489, (1L << 40) + 3, Long.MIN_VALUE})
    void drawsWhatLibtorchDraws(long seed) {
        MersenneTwister random = new MersenneTwister(seed);
        int[][] draws = {{1000, 0, 1000}, {7, 3, 5}, {312, 0, 1}, {5000, 4100, 5000}, {1, 0, 1}, {2000, 0, 0}, {900, 311, 313}};
        try (Randomness randomness = new Randomness(seed)) {
            for (int[] draw : draws) {
                double[] expected = byLibtorch(randomness, draw[0]);
                random.next(draw[0], draw[1], draw[2]);
                for (int i = draw[1]; i < draw[2]; i++) {
                    assertThat(random.uniform(i - draw[1])).as("number %d of %d", i, draw[0]).isEqualTo(expected[i]);
                }
            }
        }
    }
}
