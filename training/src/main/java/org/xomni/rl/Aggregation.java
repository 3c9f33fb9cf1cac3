package org.xomni.rl;

import java.util.Arrays;
import org.xomni.tensor.InputException;

/** How the objectives of single tokens make up the one of an update. */
public sealed interface Aggregation {

    /**
     * What each token of a rollout counts in the sum.
     *
     * @param lengths image tokens of all rollouts of an update that are learned from
     * @return a weight for each rollout
     */
    double[] weights(int[] lengths);

    /** The mean over all tokens: longer rollouts count more. */
    record TokenMean() implements Aggregation {
        @Override
        public double[] weights(int[] lengths) {
            double[] weights = new double[lengths.length];
            Arrays.fill(weights, 1.0 / Math.max(1, Arrays.stream(lengths).sum()));
            return weights;
        }
    }

    /** The mean over rollouts of the mean over tokens: all rollouts count alike, as in GRPO's paper (arXiv 2402.03300). */
    record SequenceMean() implements Aggregation {
        @Override
        public double[] weights(int[] lengths) {
            return Arrays.stream(lengths).mapToDouble(length -> 1.0 / ((double) lengths.length * length)).toArray();
        }
    }

    /**
     * The mean over rollouts of the sum over tokens, divided by one length: a token counts the same however long its rollout is (Dr. GRPO, arXiv 2503.20783). As in the
     * others the mean is over the rollouts that are learned from: groups without variance are left out.
     *
     * @param length in tokens
     */
    record FixedLength(int length) implements Aggregation {
        public FixedLength {
            if (length < 1) {
                throw new InputException("a fixed length of " + length + " tokens is none; use that of an image, such as 64");
            }
        }

        @Override
        public double[] weights(int[] lengths) {
            double[] weights = new double[lengths.length];
            Arrays.fill(weights, 1.0 / ((double) lengths.length * length));
            return weights;
        }
    }
}
