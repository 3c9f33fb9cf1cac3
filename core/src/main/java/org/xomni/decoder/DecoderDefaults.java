package org.xomni.decoder;

import static org.xomni.decoder.ConfigFields.inRange;
import static org.xomni.decoder.ConfigFields.invalid;

import tools.jackson.databind.JsonNode;

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
        if (!modelPath.matches("[\\w.-]+(/[\\w.-]+)*") || modelPath.matches("(.*/)?\\.\\.(/.*)?")) {
            throw invalid(WHAT, "model_path is '" + modelPath + "', expected a folder inside the checkpoint");
        }
        inRange(WHAT, "cfg_scale", cfgScale, 0, 1000);
        inRange(WHAT, "num_inference_steps", numInferenceSteps, 1, FlowMatchScheduler.MOST_STEPS);
        inRange(WHAT, "upscale_factor", upscaleFactor, 1, 1024);
    }

    /** Reads the object {@code vision_config.decoder}. */
    public static DecoderDefaults of(JsonNode visionConfigDecoder) {
        ConfigFields f = new ConfigFields("config.json, vision_config.decoder", visionConfigDecoder);
        return new DecoderDefaults(
                f.text("model_path", "decoder"), f.number("cfg_scale", 1), f.integer("num_inference_steps", 28), f.integer("upscale_factor", 16));
    }
}
