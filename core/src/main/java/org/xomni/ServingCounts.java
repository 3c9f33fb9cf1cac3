package org.xomni;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.LongAdder;

/** What a {@link ServingEngine} counts. The gauges are written by one thread each. */
final class ServingCounts {
    final LongAdder imageTokens = new LongAdder();
    final LongAdder textTokens = new LongAdder();
    final LongAdder steps = new LongAdder();
    final LongAdder stepNanos = new LongAdder();
    final LongAdder images = new LongAdder();
    final LongAdder answers = new LongAdder();
    final LongAdder refused = new LongAdder();
    final LongAdder cancelled = new LongAdder();
    final LongAdder decoding = new LongAdder();
    volatile int waiting;
    volatile int rows;

    /** Ends a job without a result, once. */
    void end(Job<?> job, Throwable failure) {
        if (job.fail(failure)) {
            if (failure instanceof CancellationException) {
                cancelled.increment();
            } else if (failure instanceof RefusedException) {
                refused.increment();
            }
        }
    }

    ServingStatus status() {
        return new ServingStatus(
                waiting, rows, decoding.intValue(), imageTokens.sum(), textTokens.sum(), steps.sum(), stepNanos.sum(), images.sum(), answers.sum(),
                refused.sum(),
                cancelled.sum());
    }
}
