package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DigitsTest {
    private static final int STORED_MASK = 0xFF;

    /** What the digits of an element are worth, by what Javadoc says. */
    private static double value(HostVector x, int row, int i) {
        long stride = (x.size() + 3) / 4 * 4L;
        long q = 0;
        for (int d = 0; d < Digits.COUNT; d++) {
            byte stored = Dot.MEMORY.get(ValueLayout.JAVA_BYTE, x.digits(x.batch()) + (row * Digits.COUNT + d) * stride + i);
            q = 256 * q + (stored & STORED_MASK) - Digits.OFFSET;
        }
        return q * (double) x.step(row);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 8, 9, 64, 1003})
    void areWorthTheElements(int size) {
        Random random = new Random(size);
        try (HostVector x = new HostVector(40, size)) {
            for (int row = 0; row < 40; row++) {
                for (int i = 0; i < size; i++) {
                    x.set(row, i, (float) (random.nextGaussian() * Math.pow(10, row == 39 ? -37 : row % 9 - 4)));
                }
            }
            x.split(40);
            for (int row = 0; row < 40; row++) {
                double largest = 0;
                for (int i = 0; i < size; i++) {
                    largest = Math.max(largest, Math.abs(x.get(row, i)));
                }
                for (int i = 0; i < size; i++) {
                    // Four roundings of 2^-24 at most: step, its inverse, the product of that with x, q.
                    assertThat(value(x, row, i)).isCloseTo(x.get(row, i), within(Math.max(largest / (1 << 22), Float.MIN_NORMAL)));
                }
            }
        }
    }

    /** Products of W with the digits, in whole numbers by plain Java, make those of W with x. */
    @ParameterizedTest
    @ValueSource(ints = {1, 7, 8, 21})
    void joinProductsOfDigitsToThoseOfTheVector(int rows) {
        int size = 50;
        Random random = new Random(rows);
        try (HostVector x = new HostVector(1, size); HostVector y = new HostVector(1, rows); Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < size; i++) {
                x.set(0, i, (float) random.nextGaussian());
            }
            x.split(1);
            MemorySegment products = arena.allocate((long) Digits.COUNT * 64 * Integer.BYTES, 64);
            int[] sums = new int[rows];
            float[] scale = new float[rows];
            double[] exact = new double[rows];
            double[] magnitude = new double[rows];
            for (int row = 0; row < rows; row++) {
                scale[row] = random.nextFloat() + 0.1f;
                for (int i = 0; i < size; i++) {
                    int w = random.nextInt(256) - 128;
                    exact[row] += (double) w * x.get(0, i) * scale[row];
                    magnitude[row] += Math.abs((double) w * x.get(0, i) * scale[row]);
                    sums[row] += w;
                    for (int d = 0; d < Digits.COUNT; d++) {
                        int stored = Dot.MEMORY.get(ValueLayout.JAVA_BYTE, x.digits(1) + d * 52L + i) & STORED_MASK;
                        long at = (long) (d * 64 + row) * Integer.BYTES;
                        products.set(ValueLayout.JAVA_INT, at, products.get(ValueLayout.JAVA_INT, at) + stored * w);
                    }
                }
            }
            MemorySegment scales = arena.allocateFrom(ValueLayout.JAVA_FLOAT, scale);
            MemorySegment sumsOfRows = arena.allocateFrom(ValueLayout.JAVA_INT, sums);
            Digits.join(products.address(), 64, rows, scales.address(), sumsOfRows.address(), x.step(0), y.address(0, 1));
            for (int row = 0; row < rows; row++) {
                assertThat((double) y.get(0, row)).isCloseTo(exact[row], within(1e-6 * magnitude[row]));
            }
            Digits.join(products.address(), 64, rows, scales.address(), sumsOfRows.address(), Float.NaN, y.address(0, 1));
            assertThat(y.get(0, rows - 1)).isNaN();
        }
    }

    @Test
    void zeroStaysZero() {
        try (HostVector x = new HostVector(1, 20)) {
            x.split(1);
            assertThat(value(x, 0, 7)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void whatIsNoNumberMakesNone(float odd) {
        for (int at : new int[] {2, 19}) {
            try (HostVector x = new HostVector(1, 20)) {
                x.set(0, 3, 1);
                x.set(0, at, odd);
                x.split(1);
                assertThat(value(x, 0, 3)).isNaN();
            }
        }
    }
}
