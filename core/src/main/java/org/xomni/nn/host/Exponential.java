package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code e^x} of whole registers, to two units in the last place: {@code 2^n e^r} with {@code x = n log 2 + r} and a polynomial for {@code e^r} (Cephes,
 * {@code expf}). Additions and fused products only, which round alike interpreted and compiled; the JVM's own vector function does not.
 */
final class Exponential {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();

    /** Beyond these the result would not be a normal number. */
    private static final float LEAST = -87;

    private static final float MOST = 88;

    private static final float LOG2_E = 1.44269504f;
    /** log 2 in two parts, the first of few bits. */
    private static final float LOG_2_HIGH = 0.693359375f;

    private static final float LOG_2_LOW = -2.12194440e-4f;
    /** Added to a small number it leaves that number's integer part in the lowest bits. */
    private static final float ROUND = 0x1.8p23f;

    private static final int ONE = Float.floatToRawIntBits(1);
    private static final int MANTISSA_BITS = 23;

    private Exponential() {}

    static FloatVector of(FloatVector x) {
        FloatVector within = x.max(LEAST).min(MOST);
        FloatVector rounded = within.fma(FloatVector.broadcast(F, LOG2_E), FloatVector.broadcast(F, ROUND));
        FloatVector n = rounded.sub(ROUND);
        FloatVector r = n.fma(FloatVector.broadcast(F, -LOG_2_HIGH), within);
        r = n.fma(FloatVector.broadcast(F, -LOG_2_LOW), r);
        FloatVector y = FloatVector.broadcast(F, 1.9875691500e-4f);
        y = y.fma(r, FloatVector.broadcast(F, 1.3981999507e-3f));
        y = y.fma(r, FloatVector.broadcast(F, 8.3334519073e-3f));
        y = y.fma(r, FloatVector.broadcast(F, 4.1665795894e-2f));
        y = y.fma(r, FloatVector.broadcast(F, 1.6666665459e-1f));
        y = y.fma(r, FloatVector.broadcast(F, 5.0000001201e-1f));
        y = y.fma(r.mul(r), r.add(1));
        IntVector scale = rounded.reinterpretAsInts().lanewise(LSHL, MANTISSA_BITS).add(ONE);
        return y.mul(scale.reinterpretAsFloats());
    }

    /** {@code x[i] = e^(x[i] - shift)} for i below {@code n}, and for those that fill its last register; the sum of all these. */
    static float shifted(float[] x, int n, float shift) {
        FloatVector sum = FloatVector.zero(F);
        for (int i = 0; i < n; i += LANES) {
            FloatVector e = of(FloatVector.fromArray(F, x, i).sub(shift));
            e.intoArray(x, i);
            sum = sum.add(e);
        }
        return Lanes.sum(sum.toArray(), LANES);
    }
}
