package org.xomni.rl.reward;

import org.xomni.tensor.XOmniException;

/** A reward could not be had, and the recipe says what then. */
public final class RewardFailed extends XOmniException {
    private static final long serialVersionUID = 1L;

    private final boolean skipsStep;

    RewardFailed(String message, boolean skipsStep, Throwable cause) {
        super(message, cause);
        this.skipsStep = skipsStep;
    }

    /** Whether the run goes on with the next step; else it stops. */
    public boolean skipsStep() {
        return skipsStep;
    }
}
