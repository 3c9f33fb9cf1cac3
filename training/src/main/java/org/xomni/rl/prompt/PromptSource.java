package org.xomni.rl.prompt;

/** An endless sequence of prompts: the one at an index is always the same. */
@FunctionalInterface
public interface PromptSource {

    /** @param index from 0 */
    Prompt prompt(long index);
}
