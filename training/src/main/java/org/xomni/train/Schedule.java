package org.xomni.train;

import org.xomni.tensor.InputException;

/** The learning rate over the steps of a run: a linear warm-up, then one of three courses. */
public sealed interface Schedule {

    /** Steps of linear warm-up; the first step already moves. */
    long warmup();

    /** The share of the full learning rate after warm-up, when {@code done} of the rest lies behind, 0 to 1. */
    double course(double done);

    /** The learning rate's share of its full value at a step, from 0, of a run of {@code steps}. */
    default double at(long step, long steps) {
        if (step < warmup()) {
            return (step + 1.0) / (warmup() + 1.0);
        }
        return course((step - warmup()) / (double) Math.max(1, steps - warmup()));
    }

    /** Always the full rate. */
    record Constant(long warmup) implements Schedule {
        public Constant {
            check(warmup, 0);
        }

        @Override
        public double course(double done) {
            return 1;
        }
    }

    /** Half a cosine from 1 down to {@code end}. */
    record Cosine(long warmup, double end) implements Schedule {
        public Cosine {
            check(warmup, end);
        }

        @Override
        public double course(double done) {
            return end + (1 - end) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)));
        }
    }

    /** A straight line from 1 down to {@code end}. */
    record Linear(long warmup, double end) implements Schedule {
        public Linear {
            check(warmup, end);
        }

        @Override
        public double course(double done) {
            return 1 - (1 - end) * Math.min(1, done);
        }
    }

    private static void check(long warmup, double end) {
        if (warmup < 0 || !(end >= 0 && end <= 1)) {
            throw new InputException("warmup " + warmup + " must be at least 0, and end " + end + " a share from 0 to 1 of the full learning rate");
        }
    }
}
