package org.xomni.nn.host;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Adds up the lanes of a register, stored in an array: halves onto halves until one is left. {@code reduceLanes} may round differently
 * interpreted and compiled; lane by lane additions do not.
 */
final class Lanes {
    private static final VectorSpecies<Float> EIGHT = FloatVector.SPECIES_256;
    private static final VectorSpecies<Float> FOUR = FloatVector.SPECIES_128;

    private Lanes() {}

    /** The sum of p[0..lanes), which is overwritten; {@code lanes} is 4, 8 or 16. */
    static float sum(float[] p, int lanes) {
        if (lanes == 16) {
            FloatVector.fromArray(EIGHT, p, 0).add(FloatVector.fromArray(EIGHT, p, 8)).intoArray(p, 0);
        }
        if (lanes >= 8) {
            FloatVector.fromArray(FOUR, p, 0).add(FloatVector.fromArray(FOUR, p, 4)).intoArray(p, 0);
        }
        return (p[0] + p[2]) + (p[1] + p[3]);
    }

    /** The same of registers from..to-1 of those that stand one after the other in {@code p}, which is overwritten there, into {@code sums}. */
    static void sums(float[] p, int lanes, int from, int to, float[] sums) {
        for (int k = from; k < to; k++) {
            int at = k * lanes;
            if (lanes == 16) {
                FloatVector.fromArray(EIGHT, p, at).add(FloatVector.fromArray(EIGHT, p, at + 8)).intoArray(p, at);
            }
        }
        for (int k = from; k < to; k++) {
            int at = k * lanes;
            if (lanes >= 8) {
                FloatVector.fromArray(FOUR, p, at).add(FloatVector.fromArray(FOUR, p, at + 4)).intoArray(p, at);
            }
        }
        for (int k = from; k < to; k++) {
            int at = k * lanes;
            sums[k] = (p[at] + p[at + 2]) + (p[at + 1] + p[at + 3]);
        }
    }
}
