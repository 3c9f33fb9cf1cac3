package org.xomni.tokenizer;

import java.nio.file.Path;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;

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
        return of(ConfigFile.read(modelFolder.resolve("config.json")));
    }

    /** Reads {@code vision_config} of a {@code config.json}. */
    public static TokenizerConfig of(ConfigFile json) {
        ConfigFile vision = json.child("vision_config");
        return new TokenizerConfig(EncoderConfig.of(vision.child("encoder")), ImageTransform.of(vision.child("transform")));
    }
}
