package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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
            byte stored = Dot.MEMORY.get(ValueLayout.JAVA_BYTE, x.digits(row) + d * stride + i);
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
                    x.set(row, i, (float) (random.nextGaussian() * Math.pow(10, row % 9 - 4)));
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
                    assertThat(value(x, row, i)).isCloseTo(x.get(row, i), within(largest / (1 << 22)));
                }
            }
        }
    }

    @Test
    void zeroStaysZero() {
        try (HostVector x = new HostVector(1, 20)) {
            x.split(1);
            assertThat(x.step(0)).isZero();
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
