package org.xomni;

import java.time.Duration;
import org.xomni.tensor.InputException;

/**
 * What a {@link ServingEngine} takes on.
 *
 * @param maxBatch rows that are drawn side by side; a picture with guidance takes two
 * @param maxQueue tasks that wait beyond these
 * @param timeout of a task, from its arrival to its result
 * @param deterministic whether a task gives the same bits whatever its company
 */
public record ServingLimits(int maxBatch, int maxQueue, Duration timeout, boolean deterministic) {
    /** Eight rows, 64 waiting tasks, ten minutes. */
    public static final ServingLimits DEFAULT = new ServingLimits(8, 64, Duration.ofMinutes(10), false);

    private static final int MOST_ROWS = 256;
    private static final int LONGEST_QUEUE = 100_000;

    public ServingLimits {
        if (maxBatch < 2 || maxBatch > MOST_ROWS) {
            throw new InputException("--max-batch " + maxBatch + " is out of range; use 2 to " + MOST_ROWS + ", as guidance takes two rows");
        }
        if (maxQueue < 1 || maxQueue > LONGEST_QUEUE) {
            throw new InputException("--max-queue " + maxQueue + " is out of range; use 1 to " + LONGEST_QUEUE);
        }
        if (!timeout.isPositive() || timeout.compareTo(Duration.ofDays(1)) > 0) {
            throw new InputException("--timeout " + timeout.toSeconds() + " is out of range; use 1 second to a day");
        }
    }

    /** The same, deterministic or not. */
    public ServingLimits deterministic(boolean deterministic) {
        return new ServingLimits(maxBatch, maxQueue, timeout, deterministic);
    }

    /** The same with another batch and queue. */
    public ServingLimits sizes(int maxBatch, int maxQueue) {
        return new ServingLimits(maxBatch, maxQueue, timeout, deterministic);
    }

    /** The same with another timeout. */
    public ServingLimits timeout(Duration timeout) {
        return new ServingLimits(maxBatch, maxQueue, timeout, deterministic);
    }
}
