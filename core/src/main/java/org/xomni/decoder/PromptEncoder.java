package org.xomni.decoder;

import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.Numerics;

/** The two encoders of a FLUX pipeline's prompt. */
public record PromptEncoder(ClipTextEncoder clip, T5Encoder t5) implements AutoCloseable {

    /**
     * An encoded prompt.
     *
     * @param text [1, S, J]
     * @param pooled [1, P]
     */
    public record Encoding(Tensor text, Tensor pooled) {}

    /**
     * Loads {@code text_encoder/} and {@code text_encoder_2/} of a FLUX pipeline's folder.
     *
     * @throws org.xomni.tensor.CheckpointException if something is missing, damaged or contradictory
     */
    public static PromptEncoder load(Path fluxFolder, Numerics numerics) {
        ClipTextEncoder clip = ClipTextEncoder.load(fluxFolder.resolve("text_encoder"), numerics);
        try {
            return new PromptEncoder(clip, T5Encoder.load(fluxFolder.resolve("text_encoder_2"), numerics));
        } catch (RuntimeException e) {
            clip.close();
            throw e;
        }
    }

    /** Encodes one prompt. Call it within a {@link org.xomni.tensor.Scope}. */
    public Encoding encode(PromptIds prompt) {
        return new Encoding(t5.encode(prompt.t5()), clip.pooled(prompt.clip()));
    }

    @Override
    public void close() {
        t5.close();
        clip.close();
    }
}
