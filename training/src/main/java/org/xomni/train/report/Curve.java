package org.xomni.train.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.xomni.train.MetricsFile;

/**
 * A measurement of one run, made ready for drawing: long runs are cut into bins of steps.
 *
 * @param points ascending by step; where nothing was finite in a bin, there is none
 * @param notFinite the steps at which it was not finite
 */
record Curve(List<Point> points, long[] notFinite) {
    private static final int BINS = 400;
    /** Shorter curves are drawn as they are. */
    private static final int SMOOTHED_FROM = 24;
    private static final double WINDOW = 0.03;
    /** The median is in the lowest part of the range. */
    private static final double FLAT = 0.2;

    /**
     * A bin.
     *
     * @param step its last
     * @param low the least value in it
     * @param high the greatest
     * @param mean over the neighbourhood: 3% of the run
     */
    record Point(long step, double low, double high, double mean) {}

    static Curve of(MetricsFile.Series series) {
        long[] steps = series.steps();
        double[] values = series.values();
        int[] finite = IntStream.range(0, values.length).filter(i -> Double.isFinite(values[i])).toArray();
        int reach = finite.length < SMOOTHED_FROM ? 0 : (int) Math.max(1, Math.round(finite.length * WINDOW / 2));
        double[] sums = new double[finite.length + 1];
        for (int i = 0; i < finite.length; i++) {
            sums[i + 1] = sums[i] + values[finite[i]];
        }
        List<Point> points = new ArrayList<>();
        int bins = Math.min(BINS, finite.length);
        for (int bin = 0; bin < bins; bin++) {
            int from = (int) ((long) bin * finite.length / bins);
            int to = (int) ((bin + 1L) * finite.length / bins);
            double low = Double.POSITIVE_INFINITY;
            double high = Double.NEGATIVE_INFINITY;
            for (int i = from; i < to; i++) {
                low = Math.min(low, values[finite[i]]);
                high = Math.max(high, values[finite[i]]);
            }
            // Towards the start the window narrows on both sides, so that a steep start stays where it is; at the end on one.
            int first = from - Math.min(reach, from);
            int end = to + Math.min(from - first, finite.length - to);
            points.add(new Point(steps[finite[to - 1]], low, high, (sums[end] - sums[first]) / (end - first)));
        }
        return new Curve(points, IntStream.range(0, values.length)
                .filter(i -> !Double.isFinite(values[i])).mapToLong(i -> steps[i]).toArray());
    }

    boolean smoothed() {
        return points.stream().anyMatch(p -> p.low() != p.mean() || p.high() != p.mean());
    }

    /**
     * The scale for several curves: logarithmic where they are positive and would lie flat on the ground of a plain one, as losses do that
     * fall fast at first. Single outliers are cut off.
     */
    static Axis scale(List<Curve> curves, boolean mayBeLog) {
        double[] means = curves.stream().flatMap(c -> c.points().stream()).mapToDouble(Point::mean).sorted().toArray();
        double[] lows = curves.stream().flatMap(c -> c.points().stream()).mapToDouble(Point::low).sorted().toArray();
        double[] highs = curves.stream().flatMap(c -> c.points().stream()).mapToDouble(Point::high).sorted().toArray();
        if (means.length == 0) {
            return new Axis(0, 1, false);
        }
        double low = Math.min(means[0], lows[lows.length / 100]);
        double high = Math.max(means[means.length - 1], highs[highs.length - 1 - highs.length / 100]);
        boolean flat = means[means.length / 2] - low < FLAT * (high - low);
        return Axis.around(low, high, mayBeLog && flat && low > 0 && high / low > 4);
    }

    /** The steps of several curves, from none. */
    static Axis steps(List<Curve> curves) {
        LongStream finite = curves.stream().flatMap(c -> c.points().stream()).mapToLong(Point::step);
        LongStream other = curves.stream().flatMapToLong(c -> Arrays.stream(c.notFinite()));
        return new Axis(0, Math.max(1, LongStream.concat(finite, other).max().orElse(1)), false);
    }
}
