package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ExponentialTest {
    private static final int COUNT = 1 << 12;

    @Test
    void isWithinTwoUlpsOfTheTruth() {
        float[] x = inputs();
        float[] y = x.clone();
        Exponential.shifted(y, COUNT, 0);
        for (int i = 0; i < COUNT; i++) {
            float truth = (float) Math.exp(x[i]);
            assertThat(y[i]).as("e^%s", x[i]).isCloseTo(truth, within(2 * Math.ulp(truth)));
        }
    }

    @Test
    void staysFiniteWhereTheTruthDoesNot() {
        float[] y = new float[64];
        y[0] = 1000;
        y[1] = -1000;
        y[2] = Float.NEGATIVE_INFINITY;
        Exponential.shifted(y, 64, 0);
        assertThat(y[0]).isBetween(1e38f, Float.MAX_VALUE);
        assertThat(y[1]).isBetween(0f, 2e-38f);
        assertThat(y[2]).isBetween(0f, 2e-38f);
        assertThat(y[3]).isEqualTo(1);
    }

    @Test
    void compiledAndInterpretedCodeGiveTheSameBits() {
        float[] first = inputs();
        Exponential.shifted(first, COUNT, 0.25f);
        for (int round = 0; round < 200; round++) {
            float[] again = inputs();
            Exponential.shifted(again, COUNT, 0.25f);
            assertThat(again).containsExactly(first);
        }
    }

    /** From -86 to 86, unevenly. */
    private static float[] inputs() {
        float[] x = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            double t = 2.0 * i / (COUNT - 1) - 1;
            x[i] = (float) (86 * t * t * t);
        }
        return x;
    }
}
