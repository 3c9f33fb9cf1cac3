package org.xomni.train.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A scale of a chart.
 *
 * @param low the value at place 0
 * @param high the value at place 1
 * @param log whether equal factors, not equal differences, are equally far apart
 */
record Axis(double low, double high, boolean log) {

    /** Where a value stands: 0 at {@code low}, 1 at {@code high}, beyond it if it is beyond. */
    double place(double value) {
        return log ? (log10(value) - log10(low)) / (log10(high) - log10(low)) : (value - low) / (high - low);
    }

    private static double log10(double value) {
        return Math.log10(Math.max(value, Double.MIN_NORMAL));
    }

    /** An axis for values between two, with a little room around them; of no extent if they are equal, it gets some. */
    static Axis around(double low, double high, boolean log) {
        if (log) {
            double room = Math.max(Math.pow(high / low, 0.06), 1.02);
            return new Axis(low / room, high * room, true);
        }
        double room = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.1, 1e-3);
        // Counts and losses do not go below zero: neither does their axis.
        return new Axis(low >= 0 ? Math.max(0, low - room) : low - room, high + room, false);
    }

    /** Round values, about {@code count} of them, within the axis. */
    List<Double> ticks(int count) {
        List<Double> ticks = new ArrayList<>();
        if (log && high / low >= 8) {
            double span = high / low;
            double[] mantissas = span > Math.pow(10, count) ? new double[] {1} : span > 60 ? new double[] {1, 3} : new double[] {1, 2, 5};
            int every = (int) Math.max(1, Math.round(Math.log10(high / low) / count));
            for (int exponent = (int) Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent++) {
                for (double mantissa : mantissas) {
                    double tick = mantissa * Math.pow(10, exponent);
                    if (tick >= low && tick <= high && Math.floorMod(exponent, every) == 0) {
                        ticks.add(tick);
                    }
                }
            }
            return ticks;
        }
        double rough = (high - low) / count;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
        for (long i = (long) Math.ceil(low / step); i * step <= high; i++) {
            ticks.add(i * step);
        }
        return ticks;
    }

    /** A number for people: three or four digits, thousands as k, millions as M; tiny ones with an exponent. */
    static String text(double value) {
        double size = Math.abs(value);
        if (Double.isNaN(value)) {
            return "not finite";
        }
        if (size == 0) {
            return "0";
        }
        if (size < 1e-4 || size >= 1e12) {
            return String.format(Locale.ROOT, "%.2e", value).replaceAll("\\.?0*e", "e").replaceAll("e([-+])0", "e$1").replace("e+", "e");
        }
        String unit = size >= 999_500_000 ? "G" : size >= 999_500 ? "M" : size >= 10_000 ? "k" : "";
        double scaled = value / (unit.equals("G") ? 1e9 : unit.equals("M") ? 1e6 : unit.equals("k") ? 1e3 : 1);
        BigDecimal rounded = BigDecimal.valueOf(scaled).round(new MathContext(unit.isEmpty() ? 4 : 3));
        return (rounded.signum() == 0 ? "0" : rounded.stripTrailingZeros().toPlainString()) + unit;
    }
}
