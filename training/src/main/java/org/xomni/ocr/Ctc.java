package org.xomni.ocr;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Connectionist temporal classification (Graves et al. 2006): T time steps along a line, at each a distribution over C classes, the first
 * of which is the blank. A text's characters appear in order, each for one step or more, with blanks between; a blank separates equal
 * neighbours.
 */
final class Ctc {
    private static final double NEVER = Double.NEGATIVE_INFINITY;

    private Ctc() {}

    /** The classes of the most probable path, blanks and repeats removed, and the mean of their probabilities (0 if there are none). */
    @SuppressWarnings("ArrayRecordComponent") // read once
    record Path(int[] classes, double confidence) {}

    /**
     * Follows the most probable class of each step.
     *
     * @param probabilities T x C, from {@code offset} on
     */
    static Path best(FloatBuffer probabilities, int offset, int steps, int classes) {
        int[] found = new int[steps];
        int count = 0;
        double sum = 0;
        int previous = 0;
        for (int t = 0; t < steps; t++) {
            int row = offset + t * classes;
            int best = 0;
            float most = probabilities.get(row);
            for (int c = 1; c < classes; c++) {
                float p = probabilities.get(row + c);
                if (p > most) {
                    most = p;
                    best = c;
                }
            }
            if (best != 0 && best != previous) {
                found[count++] = best;
                sum += most;
            }
            previous = best;
        }
        return new Path(Arrays.copyOf(found, count), count == 0 ? 0 : sum / count);
    }

    /**
     * The natural logarithm of the probability of a text, summed over all its alignments: the forward algorithm, in logarithms.
     *
     * @param probabilities T x C, from {@code offset} on
     * @param text for each character its classes, any of which will do (both cases, for instance)
     * @return at most 0; negative infinity if the text is longer than the line has steps
     */
    static double logLikelihood(FloatBuffer probabilities, int offset, int steps, int classes, int[][] text) {
        // States: blank, text[0], blank, text[1], ..., blank.
        int states = 2 * text.length + 1;
        double[] forward = new double[states];
        Arrays.fill(forward, NEVER);
        double[] next = new double[states];
        for (int t = 0; t < steps; t++) {
            int row = offset + t * classes;
            for (int s = 0; s < states; s++) {
                double reach = t == 0 ? (s < 2 ? 0 : NEVER) : forward[s];
                if (t > 0 && s > 0) {
                    reach = add(reach, forward[s - 1]);
                    // Past a blank, unless that would merge two equal characters.
                    if (s > 2 && s % 2 == 1 && !Arrays.equals(text[s / 2], text[s / 2 - 1])) {
                        reach = add(reach, forward[s - 2]);
                    }
                }
                if (reach != NEVER) {
                    reach += Math.log(s % 2 == 0 ? probabilities.get(row) : any(probabilities, row, text[s / 2]));
                }
                next[s] = reach;
            }
            double[] swap = forward;
            forward = next;
            next = swap;
        }
        return Math.min(0, states == 1 ? forward[0] : add(forward[states - 1], forward[states - 2]));
    }

    private static double any(FloatBuffer probabilities, int row, int[] classes) {
        double sum = 0;
        for (int c : classes) {
            sum += probabilities.get(row + c);
        }
        return sum;
    }

    /** log(e^a + e^b). */
    private static double add(double a, double b) {
        double larger = Math.max(a, b);
        return larger == NEVER ? NEVER : larger + Math.log1p(Math.exp(Math.min(a, b) - larger));
    }
}
