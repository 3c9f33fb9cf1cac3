package org.xomni;

import org.jspecify.annotations.Nullable;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.decoder.FlowMatchScheduler;

/**
 * How tokens become pixels.
 *
 * @param steps of the diffusion decoder, or null for the checkpoint's own
 * @param guidance strength of its classifier-free guidance, or null for the checkpoint's own
 * @param tiled whether the VAE decodes in overlapping tiles, which bounds its memory
 */
public record DecodeSettings(@Nullable Integer steps, @Nullable Double guidance, boolean tiled) {
    /** The checkpoint's own settings. */
    public static final DecodeSettings DEFAULT = new DecodeSettings(null, null, false);

    /** @throws org.xomni.tensor.InputException if a number is out of range: now, not when the tokens are drawn */
    public DecodeSettings {
        if (steps != null) {
            FlowMatchScheduler.requireSteps(steps);
        }
        if (guidance != null) {
            DiffusionDecoder.requireGuidance(guidance);
        }
    }
}
