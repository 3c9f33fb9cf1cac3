package org.xomni.tokenizer;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;

/**
 * {@code vision_config.encoder} of a checkpoint's {@code config.json}.
 *
 * @param vit the ViT's dimensions, by its {@code siglip_name} or, where there is one, {@code siglip_config}
 * @param siglipPath the ViT's weights, a {@code .pt} file in the model folder
 * @param projectorPath the quantiser's weights, a {@code .pt} file in the model folder
 * @param zChannels the width of features before and after the quantiser, which is the ViT's
 * @param codebookSize K, how many codes there are
 * @param codebookDim C, the dimension of a code
 */
public record EncoderConfig(
        VitConfig vit,
        String siglipPath,
        String projectorPath,
        int zChannels,
        int codebookSize,
        int codebookDim) {

    /** @throws CheckpointException if a value is out of range or a path leads out of the folder */
    public EncoderConfig {
        requireInside("siglip_path", siglipPath);
        requireInside("projector_path", projectorPath);
        ConfigFile.within("z_channels", zChannels, 1, 16_384);
        ConfigFile.within("codebook_size", codebookSize, 1, 1 << 20);
        ConfigFile.within("codebook_dim", codebookDim, 1, 16_384);
        if (zChannels % VectorQuantizer.NORM_GROUPS != 0) {
            throw new CheckpointException("z_channels " + zChannels + " is not divisible by the " + VectorQuantizer.NORM_GROUPS
                    + " groups of the quantiser's norms; fix config.json");
        }
        if (zChannels != vit.width()) {
            throw new CheckpointException("z_channels " + zChannels + " is not the ViT's width " + vit.width() + "; fix config.json");
        }
    }

    /** Reads {@code vision_config.encoder}; the sizes that it leaves out are those of the release. */
    static EncoderConfig of(ConfigFile json) {
        return new EncoderConfig(
                json.optionalChild("siglip_config").map(VitConfig::of).orElseGet(() -> VitConfig.named(json.text("siglip_name"))),
                json.text("siglip_path"),
                json.text("projector_path"),
                json.integer("z_channels", 1536),
                json.integer("codebook_size", 16_384),
                json.integer("codebook_dim", 2048));
    }

    /** Links are followed, since download caches consist of them: only the name itself must stay below the folder. */
    private static void requireInside(String name, String path) {
        boolean inside;
        try {
            Path normal = Path.of(path).normalize();
            inside = !normal.isAbsolute() && !normal.startsWith("..") && !normal.toString().isEmpty();
        } catch (InvalidPathException e) {
            inside = false;
        }
        if (!inside) {
            throw new CheckpointException(name + " '" + path + "' is not the name of a file in the model folder; fix config.json");
        }
    }
}
