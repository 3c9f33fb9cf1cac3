package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostAttentionTest {
    private static final int[] POSITIONS = {1, 15, 16, 17, 255, 256, 257, 300};
    private static final int MOST_QUERIES = 3;
    private final Random random = new Random(1);

    /** Heads with and without whole registers. */
    @ParameterizedTest
    @CsvSource({"8, true", "16, true", "20, true", "32, true", "48, true", "64, true", "80, true", "8, false", "16, false", "20, false", "64, false", "80, false"})
    void weighsValuesBySoftmax(int width, boolean bf16) {
        int bytes = bf16 ? Short.BYTES : Float.BYTES;
        for (int positions : POSITIONS) {
            try (Arena arena = Arena.ofConfined();
                    HostVector q = new HostVector(2, MOST_QUERIES * width + 3);
                    HostVector kv = new HostVector(1, width);
                    HostVector out = new HostVector(2, MOST_QUERIES * width + 3)) {
                fill(q, 1);
                MemorySegment keys = arena.allocate((long) positions * width * bytes);
                MemorySegment values = arena.allocate((long) positions * width * bytes);
                for (int t = 0; t < positions; t++) {
                    fill(kv, 0);
                    HostAttention.store(keys, bf16, t, width, kv, 0, 0);
                    fill(kv, 0);
                    HostAttention.store(values, bf16, t, width, kv, 0, 0);
                }
                HostAttention attention = new HostAttention(width);
                for (int queries = 1; queries <= MOST_QUERIES; queries++) {
                    attention.attend(q, 1, 3, queries, keys, values, bf16, positions, out);
                    for (int i = 0; i < queries; i++) {
                        double[] expected = plainly(q, 3 + i * width, keys, values, bf16, positions, width);
                        for (int k = 0; k < width; k++) {
                            assertThat((double) out.get(1, 3 + i * width + k)).as("T %d, query %d, element %d", positions, i, k).isCloseTo(expected[k], within(1e-5));
                        }
                    }
                }
                assertThat(out.get(1, 2)).isZero();
                assertThat(out.get(0, 3)).isZero();
            }
        }
    }

    private static double[] plainly(HostVector q, int from, MemorySegment keys, MemorySegment values, boolean bf16, int positions, int width) {
        double[] weights = new double[positions];
        double total = 0;
        for (int t = 0; t < positions; t++) {
            double score = 0;
            for (int k = 0; k < width; k++) {
                score += q.get(1, from + k) * (double) element(keys, bf16, t * width + k);
            }
            weights[t] = Math.exp(score / Math.sqrt(width));
            total += weights[t];
        }
        double[] out = new double[width];
        for (int t = 0; t < positions; t++) {
            for (int k = 0; k < width; k++) {
                out[k] += weights[t] / total * element(values, bf16, t * width + k);
            }
        }
        return out;
    }

    private static float element(MemorySegment cache, boolean bf16, int i) {
        return bf16 ? Float.intBitsToFloat(cache.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16) : cache.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }

    @Test
    void refusesWhatIsNotThere() {
        try (Arena arena = Arena.ofConfined();
                HostVector q = new HostVector(1, 32);
                HostVector out = new HostVector(1, 32)) {
            MemorySegment cache = arena.allocate(10L * 16 * Float.BYTES);
            HostAttention attention = new HostAttention(16);
            assertThatThrownBy(() -> attention.attend(q, 0, 0, 2, cache, cache, false, 11, out)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> attention.attend(q, 0, 8, 2, cache, cache, false, 10, out)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> attention.attend(q, 1, 0, 2, cache, cache, false, 10, out)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    private void fill(HostVector x, int row) {
        for (int i = 0; i < x.size(); i++) {
            x.set(row, i, (float) random.nextGaussian());
        }
    }
}
