package org.xomni.train;

import java.util.Map;

/** Hears how a run goes. */
public interface RunListener {

    /** Hears nothing. */
    RunListener NONE = new RunListener() {};

    /** Something that the user should know before the run goes on, though it does not stop it. */
    default void noticed(String what) {}

    /**
     * Before the first step.
     *
     * @param step where the run begins or goes on
     * @param steps where it ends
     * @param parameters how many scalars are trained
     */
    default void started(long step, long steps, long parameters) {}

    /**
     * After a step.
     *
     * @param step how many are done
     * @param metrics of this step: {@code loss}, its parts, {@code gradient_norm}, {@code learning_rate}, {@code samples_per_s}, {@code tokens_per_s}
     */
    default void stepped(long step, Map<String, Double> metrics) {}

    /** Whether to stop after this step, with a checkpoint. */
    default boolean stop() {
        return false;
    }
}
