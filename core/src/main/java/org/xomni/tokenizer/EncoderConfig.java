package org.xomni.tokenizer;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CheckpointException;

/**
 * {@code vision_config.encoder} of a checkpoint's {@code config.json}.
 *
 * @param siglipName the ViT's name; decides its dimensions where {@code siglipConfig} is null
 * @param siglipConfig the ViT's dimensions, which released checkpoints do not have
 * @param siglipPath the ViT's weights, a {@code .pt} file in the model folder
 * @param projectorPath the quantiser's weights, a {@code .pt} file in the model folder
 * @param zChannels the width of features before and after the quantiser, which is the ViT's
 * @param codebookSize K, how many codes there are
 * @param codebookDim C, the dimension of a code
 * @param withNorm whether features are compared with codes by direction, not by distance
 */
public record EncoderConfig(
        @Nullable String siglipName,
        @Nullable VitConfig siglipConfig,
        String siglipPath,
        String projectorPath,
        int zChannels,
        int codebookSize,
        int codebookDim,
        boolean withNorm) {

    /** @throws CheckpointException if a value is missing or out of range, a path leads out of the folder, or the ViT is unknown */
    public EncoderConfig {
        requireInside("siglip_path", siglipPath);
        requireInside("projector_path", projectorPath);
        TokenizerConfig.require("z_channels", zChannels, 1, 16_384);
        TokenizerConfig.require("codebook_size", codebookSize, 1, 1 << 20);
        TokenizerConfig.require("codebook_dim", codebookDim, 1, 16_384);
        if (zChannels % VectorQuantizer.NORM_GROUPS != 0) {
            throw new CheckpointException("z_channels " + zChannels + " is not divisible by the " + VectorQuantizer.NORM_GROUPS
                    + " groups of the quantiser's norms; fix config.json");
        }
        int width = vit(siglipName, siglipConfig).width();
        if (zChannels != width) {
            throw new CheckpointException("z_channels " + zChannels + " is not the ViT's width " + width + "; fix config.json");
        }
    }

    /** The ViT's dimensions, given or by name. */
    public VitConfig vit() {
        return vit(siglipName, siglipConfig);
    }

    private static VitConfig vit(@Nullable String name, @Nullable VitConfig config) {
        return config != null ? config : VitConfig.named(name);
    }

    /** Links are followed, since download caches consist of them: only the name itself must stay below the folder. */
    private static void requireInside(String name, @Nullable String path) {
        boolean inside;
        try {
            Path normal = path == null ? Path.of("") : Path.of(path).normalize();
            inside = !normal.isAbsolute() && !normal.startsWith("..") && !normal.toString().isEmpty();
        } catch (InvalidPathException e) {
            inside = false;
        }
        if (!inside) {
            throw new CheckpointException(name + " '" + path + "' is not the name of a file in the model folder; fix config.json");
        }
    }
}
