package org.xomni;

import java.time.Duration;
import org.xomni.tensor.XOmniException;

/** A {@link ServingEngine} does not do a task, through no fault of the task. */
public final class RefusedException extends XOmniException {
    private static final long serialVersionUID = 1L;

    /** Why. */
    public enum Reason {
        /** Too many tasks wait already. */
        QUEUE_FULL,
        /** It waited for too long and was not begun. */
        WAITED_TOO_LONG,
        /** It was begun and took too long. */
        TOOK_TOO_LONG,
        /** The engine is closing. */
        CLOSING
    }

    private final Reason reason;
    private final Duration retryAfter;

    RefusedException(Reason reason, String message, Duration retryAfter) {
        super(message);
        this.reason = reason;
        this.retryAfter = retryAfter;
    }

    public Reason reason() {
        return reason;
    }

    /** When another try may have more luck. */
    public Duration retryAfter() {
        return retryAfter;
    }
}
