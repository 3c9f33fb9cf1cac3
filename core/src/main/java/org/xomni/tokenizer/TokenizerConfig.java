package org.xomni.tokenizer;

import java.nio.file.Path;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/**
 * What a checkpoint's {@code config.json} says about its image tokenizer.
 *
 * @param encoder the ViT and the quantiser
 * @param transform how images are prepared; its patches are the ViT's
 */
public record TokenizerConfig(EncoderConfig encoder, ImageTransform transform) {

    /** @throws CheckpointException if the two parts disagree */
    public TokenizerConfig {
        if (transform.patchSize() != encoder.vit().patchSize()) {
            throw new CheckpointException("transform patch_size " + transform.patchSize() + " is not the ViT's " + encoder.vit().patchSize()
                    + "; fix config.json");
        }
    }

    /**
     * Reads {@code config.json} in a model folder.
     *
     * @throws CheckpointException if it is missing or cannot be used
     */
    public static TokenizerConfig read(Path modelFolder) {
        Path file = modelFolder.resolve("config.json");
        JsonNode vision = Json.readObject(file).path("vision_config");
        return new TokenizerConfig(
                Json.record(vision.path("encoder"), EncoderConfig.class, file + " vision_config.encoder"),
                Json.record(vision.path("transform"), ImageTransform.class, file + " vision_config.transform"));
    }

    static void require(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new CheckpointException(name + " " + value + " is not in " + least + ".." + most + "; fix config.json");
        }
    }
}
