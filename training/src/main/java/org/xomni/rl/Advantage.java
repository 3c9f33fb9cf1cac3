package org.xomni.rl;

import java.util.Arrays;

/** How much better a rollout is than the others of its group: rewards to advantages. */
public sealed interface Advantage {
    /** Rewards of a group that are no farther apart are the same: they carry no signal, only rounding. */
    double SAME = 1e-8;

    /** Advantages of one group. */
    double[] of(double[] rewards);

    /** {@code (r - mean) / (population standard deviation + 1e-6)} (GRPO, arXiv 2402.03300). */
    record Standardised() implements Advantage {
        private static final double EPS = 1e-6;

        @Override
        public double[] of(double[] rewards) {
            double[] centred = new Centred().of(rewards);
            double deviation = Math.sqrt(Arrays.stream(centred).map(c -> c * c).average().orElse(0));
            return Arrays.stream(centred).map(c -> c / (deviation + EPS)).toArray();
        }
    }

    /** {@code r - mean}: prompts on which the model is nearly sure do not count more than others (Dr. GRPO, arXiv 2503.20783). */
    record Centred() implements Advantage {
        @Override
        public double[] of(double[] rewards) {
            double mean = Arrays.stream(rewards).average().orElse(0);
            return Arrays.stream(rewards).map(r -> r - mean).toArray();
        }
    }

    /** Whether all rewards of a group are the same, so that there is nothing to learn from it. */
    static boolean hasZeroVariance(double[] rewards) {
        double least = Arrays.stream(rewards).min().orElse(0);
        double most = Arrays.stream(rewards).max().orElse(0);
        return most - least <= SAME;
    }
}
