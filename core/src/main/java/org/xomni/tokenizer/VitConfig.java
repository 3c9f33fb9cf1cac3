package org.xomni.tokenizer;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;

/**
 * The dimensions of a ViT. Released checkpoints give only its name; a checkpoint with another one has them under {@code siglip_config}.
 *
 * @param width D, divisible by {@code heads}
 * @param layers how many blocks
 * @param heads of attention
 * @param patchSize pixels along a side of the square that becomes one token
 * @param mlpRatio width of the hidden layer of the MLP over D
 */
public record VitConfig(int width, int layers, int heads, int patchSize, double mlpRatio) {
    private static final Map<String, VitConfig> BUILT_IN = new TreeMap<>(Map.of(
            "siglip2_giant_patch16_384", new VitConfig(1536, 40, 16, 16, 4),
            "siglip_so400m_patch16_384", new VitConfig(1152, 27, 16, 16, 3.7362)));

    /** @throws CheckpointException if a value is out of range */
    public VitConfig {
        ConfigFile.within("siglip_config.width", width, 1, 16_384);
        ConfigFile.within("siglip_config.layers", layers, 1, 256);
        ConfigFile.within("siglip_config.heads", heads, 1, 256);
        ConfigFile.within("siglip_config.patch_size", patchSize, 1, 256);
        if (width % heads != 0) {
            throw new CheckpointException("siglip_config.width " + width + " is not divisible by heads " + heads + "; fix config.json");
        }
        if (!(mlpRatio > 0 && mlpRatio <= 16 && (int) (width * mlpRatio) > 0)) {
            throw new CheckpointException("siglip_config.mlp_ratio " + mlpRatio + " is not above 0 and at most 16; fix config.json");
        }
    }

    /** Reads {@code siglip_config}. */
    static VitConfig of(ConfigFile json) {
        return new VitConfig(
                json.integer("width"), json.integer("layers"), json.integer("heads"), json.integer("patch_size"), json.number("mlp_ratio"));
    }

    /**
     * The dimensions that a name stands for.
     *
     * @throws CheckpointException if no built-in ViT has the name
     */
    static VitConfig named(String name) {
        VitConfig known = BUILT_IN.get(name);
        if (known == null) {
            throw new CheckpointException("siglip_name '" + name + "' is not built in; use one of " + BUILT_IN.keySet()
                    + " or give width, layers, heads, patch_size and mlp_ratio as siglip_config in config.json");
        }
        return known;
    }

    /** The name that stands for these dimensions, if one is built in; it also tells the heads, which weights do not. */
    public static Optional<String> nameOf(int width, int layers, int patchSize) {
        return BUILT_IN.entrySet().stream()
                .filter(e -> e.getValue().width == width && e.getValue().layers == layers && e.getValue().patchSize == patchSize)
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** Width of the hidden layer of the MLP, rounded down. */
    public int mlpWidth() {
        return (int) (width * mlpRatio);
    }
}
