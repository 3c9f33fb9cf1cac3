package org.xomni.eval;

import java.util.Locale;

/**
 * An estimate with its 95% confidence interval.
 *
 * @param mean the estimate
 * @param low lower end
 * @param high upper end
 * @param count of samples it rests on
 */
public record Interval(double mean, double low, double high, int count) {

    /** Such as {@code 0.951 [0.942, 0.960]}. */
    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%.3f [%.3f, %.3f]", mean, low, high);
    }
}
