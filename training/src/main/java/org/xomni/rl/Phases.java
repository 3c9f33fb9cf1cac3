package org.xomni.rl;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/** How long the phases of a step take. */
final class Phases {
    private final Map<Phase, Double> seconds = new EnumMap<>(Phase.class);

    /** The phases, in order. */
    enum Phase {
        /** Drawing tokens. */
        ROLLOUT,
        /** Tokens to pixels. */
        DECODE,
        /** Judging. */
        REWARD,
        /** Old and reference log-probabilities. */
        SCORE,
        /** Gradients and steps of the optimiser. */
        UPDATE,
        /** The held-out set. */
        EVALUATE
    }

    /** Does something and counts its time. */
    <T> T time(Phase phase, Supplier<T> work) {
        long start = System.nanoTime();
        try {
            return work.get();
        } finally {
            seconds.merge(phase, (System.nanoTime() - start) / 1e9, Double::sum);
        }
    }

    /** Adds {@code share} of the times of others. */
    void add(Phases others, double share) {
        others.seconds.forEach((phase, time) -> seconds.merge(phase, share * time, Double::sum));
    }

    /** Seconds of a phase. */
    double seconds(Phase phase) {
        return seconds.getOrDefault(phase, 0.0);
    }

    /** Adds {@code seconds_PHASE} for each phase that there was. */
    void addTo(Map<String, Double> metrics) {
        seconds.forEach((phase, time) -> metrics.put("seconds_" + phase.name().toLowerCase(Locale.ROOT), time));
    }
}
