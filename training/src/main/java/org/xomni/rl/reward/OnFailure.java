package org.xomni.rl.reward;

import org.xomni.tensor.InputException;

/** What happens when a reward throws, takes too long, or gives a score that is missing or no number. */
public sealed interface OnFailure {

    /** The run stops; its last checkpoint is whole. */
    record Stop() implements OnFailure {}

    /**
     * The reward is asked again, and in the end the run stops.
     *
     * @param attempts in all
     */
    record Retry(int attempts) implements OnFailure {
        public Retry {
            if (attempts < 2) {
                throw new InputException(attempts + " attempts are no retry; use at least 2, or on-failure: stop");
            }
        }
    }

    /** The step changes nothing and is listed among the run's problems; no score is made up. */
    record SkipStep() implements OnFailure {}
}
