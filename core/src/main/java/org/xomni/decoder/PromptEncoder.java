package org.xomni.decoder;

import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.text.ClipTokenizer;
import org.xomni.text.T5Tokenizer;

/** A FLUX pipeline's way with the prompt: two tokenizers, two encoders. */
public record PromptEncoder(ClipTokenizer clipTokenizer, T5Tokenizer t5Tokenizer, ClipTextEncoder clip, T5Encoder t5)
        implements AutoCloseable {

    /**
     * An encoded prompt.
     *
     * @param text [1, S, J], S the same for all prompts
     * @param pooled [1, P]
     */
    public record Encoding(Tensor text, Tensor pooled) {}

    /**
     * Loads {@code tokenizer/}, {@code tokenizer_2/}, {@code text_encoder/} and {@code text_encoder_2/} of a FLUX pipeline's folder.
     *
     * @throws org.xomni.tensor.CheckpointException if something is missing, damaged or contradictory
     */
    public static PromptEncoder load(Path fluxFolder, Numerics numerics) {
        ClipTokenizer clipTokenizer = ClipTokenizer.load(fluxFolder.resolve("tokenizer"));
        T5Tokenizer t5Tokenizer = T5Tokenizer.load(fluxFolder.resolve("tokenizer_2"));
        ClipTextEncoder clip = ClipTextEncoder.load(fluxFolder.resolve("text_encoder"), numerics);
        try {
            return new PromptEncoder(clipTokenizer, t5Tokenizer, clip, T5Encoder.load(fluxFolder.resolve("text_encoder_2"), numerics));
        } catch (RuntimeException e) {
            clip.close();
            throw e;
        }
    }

    /** Encodes one prompt, cut where the encoders end. Call it within a {@link org.xomni.tensor.Scope}. */
    public Encoding encode(String prompt) {
        return new Encoding(t5.encode(t5Tokenizer.encode(prompt)), clip.pooled(clipTokenizer.encode(prompt)));
    }

    /** Checks what is fed to an encoder, since libtorch's own message would be a trace. */
    static void checkIds(String encoder, int[] ids, int vocabulary, int most) {
        if (ids.length < 1 || ids.length > most) {
            throw new InputException("the prompt has " + ids.length + " ids for " + encoder + ", expected 1 to " + most
                    + "; shorten the prompt");
        }
        int wrong = Arrays.stream(ids).filter(id -> id < 0 || id >= vocabulary).findFirst().orElse(0);
        if (wrong != 0) {
            throw new InputException("the prompt has the id " + wrong + " for " + encoder + ", whose vocabulary ends at " + (vocabulary - 1)
                    + "; use the tokenizer of the same checkpoint");
        }
    }

    @Override
    public void close() {
        t5.close();
        clip.close();
        t5Tokenizer.close();
        clipTokenizer.close();
    }
}
