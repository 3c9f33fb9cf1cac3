package org.xomni.decoder;

import org.xomni.tensor.InputException;

/**
 * A prompt as ids of the two text encoders' vocabularies.
 *
 * @param clip begin, text, end, padding
 * @param t5 text, end, padding; S of them
 */
@SuppressWarnings("ArrayRecordComponent") // handed over and read only, never compared
public record PromptIds(int[] clip, int[] t5) {
    /** More than any FLUX pipeline feeds (512), few enough that the quadratic attention fits in memory. */
    static final int MOST_T5_IDS = 4096;

    /** Checks what is fed to an encoder, since libtorch's own message would be a trace. */
    static void check(String encoder, int[] ids, int vocabulary, int most) {
        if (ids.length < 1 || ids.length > most) {
            throw new InputException("the prompt has " + ids.length + " ids for " + encoder + ", expected 1 to " + most + "; shorten the prompt");
        }
        for (int id : ids) {
            if (id < 0 || id >= vocabulary) {
                throw new InputException("the prompt has the id " + id + " for " + encoder + ", whose vocabulary ends at " + (vocabulary - 1)
                        + "; use the tokenizer of the same checkpoint");
            }
        }
    }
}
