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
import org.junit.jupiter.params.provider.ValueSource;

class HostElementwiseTest {
    private static final int BATCH = 2;
    private final Random random = new Random(1);

    /** Of the second row; the first one stays as it is. */
    @ParameterizedTest
    @ValueSource(ints = {1, 15, 16, 17, 50})
    void addsAPartOfARow(int to) {
        int from = to / 3;
        try (HostVector x = normal(50); HostVector y = normal(50)) {
            float[] before = row(x, 1);
            float[] untouched = row(x, 0);
            HostElementwise.add(x, y, 1, from, to);
            for (int i = 0; i < 50; i++) {
                assertThat(x.get(1, i)).isEqualTo(i >= from && i < to ? before[i] + y.get(1, i) : before[i]);
            }
            assertThat(row(x, 0)).containsExactly(untouched);
            float[] bias = row(y, 0);
            float[] sum = row(x, 1);
            HostElementwise.add(x, bias, 1, 3, 40);
            for (int i = 0; i < 50; i++) {
                assertThat(x.get(1, i)).isEqualTo(i >= 3 && i < 40 ? sum[i] + bias[i] : sum[i]);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16, 33, 256})
    void normalisesByTheRootMeanSquare(int size) {
        try (HostVector x = normal(size); HostVector normed = new HostVector(BATCH, size)) {
            float[] weight = row(x, 0);
            double squares = 0;
            for (float v : row(x, 1)) {
                squares += (double) v * v;
            }
            HostElementwise.normalise(x, 1, weight, 1e-6, normed);
            for (int i = 0; i < size; i++) {
                double expected = x.get(1, i) / Math.sqrt(squares / size + 1e-6) * weight[i];
                assertThat((double) normed.get(1, i)).isCloseTo(expected, within(2e-6 * Math.abs(expected)));
                assertThat(normed.get(0, i)).isZero();
            }
        }
    }

    /** Two heads of a row, of which the second is turned. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4, 16, 20, 64})
    void turnsPairsOfAHead(int half) {
        int positions = 3;
        try (Arena arena = Arena.ofConfined(); HostVector x = normal(4 * half)) {
            MemorySegment cos = arena.allocate(ValueLayout.JAVA_FLOAT, (long) positions * half);
            MemorySegment sin = arena.allocate(ValueLayout.JAVA_FLOAT, (long) positions * half);
            for (int i = 0; i < positions * half; i++) {
                double angle = random.nextDouble();
                cos.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.cos(angle));
                sin.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.sin(angle));
            }
            float[] before = row(x, 1);
            HostElementwise.turn(x, 1, 2 * half, half, cos, sin, 2);
            for (int i = 0; i < half; i++) {
                float re = before[2 * half + i];
                float im = before[3 * half + i];
                float c = cos.getAtIndex(ValueLayout.JAVA_FLOAT, 2L * half + i);
                float s = sin.getAtIndex(ValueLayout.JAVA_FLOAT, 2L * half + i);
                assertThat(x.get(1, 2 * half + i)).isCloseTo(re * c - im * s, within(1e-6f));
                assertThat(x.get(1, 3 * half + i)).isCloseTo(im * c + re * s, within(1e-6f));
                assertThat(x.get(1, i)).isEqualTo(before[i]);
            }
            assertThatThrownBy(() -> HostElementwise.turn(x, 1, 0, half, cos, sin, positions)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    /** Of two equally near ones to the even one. */
    @Test
    void roundsToTheNearestBfloat16() {
        int size = 37;
        try (HostVector x = normal(size); Arena arena = Arena.ofConfined()) {
            x.set(0, 0, Float.intBitsToFloat(0x3F808000));
            x.set(0, 1, Float.intBitsToFloat(0x3F818000));
            x.set(0, 2, Float.intBitsToFloat(0x3F808001));
            x.set(0, 36, Float.intBitsToFloat(0x3F818000));
            MemorySegment bf16 = arena.allocate(ValueLayout.JAVA_SHORT, size);
            Bfloat16.store(x.address(0, 1), size, bf16.address());
            for (int i = 0; i < size; i++) {
                float rounded = Float.intBitsToFloat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
                assertThat(Math.abs(rounded - x.get(0, i))).isLessThanOrEqualTo(Math.abs(x.get(0, i)) / 256);
            }
            assertThat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x3F80);
            assertThat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, 1)).isEqualTo((short) 0x3F82);
            assertThat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, 2)).isEqualTo((short) 0x3F81);
            assertThat(bf16.getAtIndex(ValueLayout.JAVA_SHORT, 36)).isEqualTo((short) 0x3F82);
        }
    }

    private HostVector normal(int size) {
        HostVector x = new HostVector(BATCH, size);
        for (int b = 0; b < BATCH; b++) {
            for (int i = 0; i < size; i++) {
                x.set(b, i, (float) random.nextGaussian());
            }
        }
        return x;
    }

    private static float[] row(HostVector x, int row) {
        return x.row(row).toArray(ValueLayout.JAVA_FLOAT);
    }
}
