package org.xomni.rl.reward;

import java.util.List;
import org.xomni.rl.prompt.Prompt;

/** Judges pictures. */
public interface Reward extends AutoCloseable {

    /** Whether it has an opinion about pictures for a prompt: text accuracy has none where no text is asked for. */
    default boolean judges(Prompt prompt) {
        return true;
    }

    /** Whether a server does its work: such rewards are asked all at the same time, beside those that this machine computes. */
    default boolean isRemote() {
        return false;
    }

    /**
     * Scores pictures.
     *
     * @param drawn pictures for prompts that it judges, at least one
     * @return a number for each, in order; the larger the better
     * @throws org.xomni.tensor.XOmniException if it cannot
     */
    double[] score(List<Drawn> drawn);

    @Override
    default void close() {}
}
