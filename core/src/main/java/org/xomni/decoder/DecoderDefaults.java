package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import org.xomni.tensor.ConfigFile;

/**
 * What a checkpoint says about decoding: {@code vision_config.decoder} of the unified model's {@code config.json}.
 *
 * @param modelPath the transformer's folder, relative to the checkpoint
 * @param cfgScale the strength of guidance when the user names none
 * @param numInferenceSteps the steps when the user names none
 * @param upscaleFactor pixels along each side of a token
 */
public record DecoderDefaults(String modelPath, double cfgScale, int numInferenceSteps, int upscaleFactor) {
    private static final String WHAT = "the decoder (vision_config.decoder)";

    public DecoderDefaults {
        if (!modelPath.matches("[\\w. -]+(/[\\w. -]+)*/?") || modelPath.matches("(.*/)?\\.\\.(/.*)?")) {
            throw invalid(WHAT, "model_path is '" + modelPath + "', expected a folder inside the checkpoint");
        }
        inRange(WHAT, "cfg_scale", cfgScale, 0, 1000);
        inRange(WHAT, "num_inference_steps", numInferenceSteps, 1, FlowMatchScheduler.MOST_STEPS);
        inRange(WHAT, "upscale_factor", upscaleFactor, 1, 1024);
    }

    /** Reads {@code vision_config.decoder}. */
    public static DecoderDefaults of(ConfigFile json) {
        return new DecoderDefaults(
                json.text("model_path", "decoder"),
                json.number("cfg_scale", 1),
                json.integer("num_inference_steps", 28),
                json.integer("upscale_factor", 16));
    }
}
