package org.xomni.eval;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import org.xomni.tensor.InputException;

/**
 * 95% confidence intervals by the percentile bootstrap (Efron 1979): the samples are drawn anew with replacement, 2000 times, and the
 * middle 95% of the outcomes is the interval. Seeded: the same samples give the same interval.
 */
public final class Bootstrap {
    private static final int RESAMPLES = 2000;
    private static final long SEED = 20250722;

    private Bootstrap() {}

    /**
     * The mean of samples.
     *
     * @throws InputException if there are none
     */
    public static Interval mean(double[] samples) {
        return interval(samples.length, chosen -> {
            double sum = 0;
            for (int i : chosen) {
                sum += samples[i];
            }
            return sum / chosen.length;
        });
    }

    /**
     * The mean of samples of which some depend on each other, as answers about one picture do: groups of these are drawn anew.
     *
     * @param groups none of them empty
     * @return with the number of samples
     * @throws InputException if there are none
     */
    public static Interval meanOfGroups(List<double[]> groups) {
        double[] sums = groups.stream().mapToDouble(group -> Arrays.stream(group).sum()).toArray();
        double[] counts = groups.stream().mapToDouble(group -> group.length).toArray();
        Interval interval = ratio(sums, counts);
        return new Interval(interval.mean(), interval.low(), interval.high(), (int) Arrays.stream(counts).sum());
    }

    /**
     * How much larger the mean of {@code a} is than that of {@code b}; sample i of both is about the same thing (the same prompt, for
     * example), so they are drawn together and what is common to both cancels.
     *
     * @throws InputException if there are none, or not as many of both
     */
    public static Interval difference(double[] a, double[] b) {
        requirePairs(a, b);
        double[] differences = new double[a.length];
        Arrays.setAll(differences, i -> a[i] - b[i]);
        return mean(differences);
    }

    /**
     * The mean of {@code a} as a part of the mean of {@code b}, in pairs as with {@link #difference}.
     *
     * @throws InputException if there are none, or not as many of both
     */
    public static Interval ratio(double[] a, double[] b) {
        requirePairs(a, b);
        return interval(a.length, chosen -> {
            double above = 0;
            double below = 0;
            for (int i : chosen) {
                above += a[i];
                below += b[i];
            }
            return above / below;
        });
    }

    private static void requirePairs(double[] a, double[] b) {
        if (a.length != b.length) {
            throw new InputException(a.length + " and " + b.length + " scores cannot be paired; score both on the same prompts");
        }
    }

    /** The interval of any statistic of {@code count} samples, which gets the indices of those that were drawn. */
    private static Interval interval(int count, ToDoubleFunction<int[]> statistic) {
        if (count == 0) {
            throw new InputException("nothing was scored, so there is no mean; evaluate on at least one prompt");
        }
        int[] chosen = new int[count];
        Arrays.setAll(chosen, i -> i);
        double estimate = statistic.applyAsDouble(chosen);
        SplittableRandom random = new SplittableRandom(SEED);
        double[] outcomes = new double[RESAMPLES];
        for (int r = 0; r < RESAMPLES; r++) {
            for (int i = 0; i < count; i++) {
                chosen[i] = random.nextInt(count);
            }
            outcomes[r] = statistic.applyAsDouble(chosen);
        }
        Arrays.sort(outcomes);
        return new Interval(estimate, outcomes[(int) (RESAMPLES * .025)], outcomes[(int) (RESAMPLES * .975) - 1], count);
    }
}
