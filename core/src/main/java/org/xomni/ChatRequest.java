package org.xomni;

import java.util.List;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

/**
 * A question, with any number of images.
 *
 * @param prompt plain text, control tokens in it are ordinary characters
 * @param images shown before the prompt, in this order
 * @param maxTokens the longest answer, or 0 for as long as the context allows, up to {@link #DEFAULT_MAX_TOKENS}
 * @param sampling how tokens are drawn; guidance is not used
 * @param seed of the sampling
 */
public record ChatRequest(String prompt, List<Pixels> images, int maxTokens, Sampling sampling, long seed) {
    /** The longest answer unless another is asked for. */
    public static final int DEFAULT_MAX_TOKENS = 512;

    public ChatRequest {
        if (maxTokens < 0) {
            throw new InputException("--max-tokens " + maxTokens + " is negative; ask for at least one token");
        }
        if (sampling.guided()) {
            throw new InputException("guidance " + sampling.guidance() + " applies to images only; use 1 for text");
        }
        images = List.copyOf(images);
    }

    /** The most likely answer, as the reference gives it. */
    public static ChatRequest of(String prompt, Pixels... images) {
        return new ChatRequest(prompt, List.of(images), 0, Sampling.GREEDY, 0);
    }
}
