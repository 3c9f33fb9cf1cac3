package org.xomni.rl.prompt;

import org.xomni.tensor.InputException;

/** An endless sequence of prompts: the one at an index is always the same. */
@FunctionalInterface
public interface PromptSource {

    /** @param index from 0 */
    Prompt prompt(long index);

    /**
     * Makes sure that the first of them are drawn independently: one that is measured twice says nothing more the second time.
     *
     * @throws InputException if a source begins anew before
     */
    default void requireWithoutRepetition(long count) {}
}
