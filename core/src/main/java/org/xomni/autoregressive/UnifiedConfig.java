package org.xomni.autoregressive;

import java.util.List;
import java.util.Set;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;

/**
 * The sizes of the unified model, as {@code config.json} names them (model type {@code x-omni}; a Qwen2 with an image side).
 *
 * @param hiddenSize D, width of the residual stream
 * @param intermediateSize width of the MLP
 * @param layers all transformer blocks
 * @param adapterLayers vision-specific blocks at the start ({@code num_mm_adap_layers})
 * @param headLayers vision-specific blocks at the end ({@code num_mm_head_layers})
 * @param heads H, query heads
 * @param keyValueHeads G, key and value heads; divides H
 * @param headWidth K
 * @param vocabSize text ids 0 .. vocabSize-1; a multimodal id is vocabSize + k
 * @param mmVocabSize multimodal embeddings and head outputs
 * @param imageVocabSize the first of them are the image tokens
 * @param maxPositions the longest sequence
 * @param ropeTheta base of the rotary embedding
 * @param rmsNormEps of all norms
 * @param specialTokens names of the tokens that begin an image, end it, and end its header, in this order ({@code <SOM> <EOM> <IMAGE>}); a checkpoint may name more after these
 */
public record UnifiedConfig(
        int hiddenSize,
        int intermediateSize,
        int layers,
        int adapterLayers,
        int headLayers,
        int heads,
        int keyValueHeads,
        int headWidth,
        int vocabSize,
        int mmVocabSize,
        int imageVocabSize,
        int maxPositions,
        double ropeTheta,
        double rmsNormEps,
        List<String> specialTokens) {
    /** Of rotary tables, 1 GiB in fp32: a million positions of the widest heads that are in use. */
    private static final long MOST_ANGLES = 1L << 28;

    public UnifiedConfig {
        ConfigFile.within("hidden_size", hiddenSize, 1, 1 << 17);
        ConfigFile.within("intermediate_size", intermediateSize, 1, 1 << 20);
        ConfigFile.within("num_hidden_layers", layers, 1, 1024);
        ConfigFile.within("num_attention_heads", heads, 1, 4096);
        ConfigFile.within("num_key_value_heads", keyValueHeads, 1, heads);
        ConfigFile.within("head_dim", headWidth, 2, 4096);
        ConfigFile.within("num_mm_adap_layers", adapterLayers, 0, layers);
        ConfigFile.within("num_mm_head_layers", headLayers, 0, layers);
        ConfigFile.within("vocab_size", vocabSize, 1, 1 << 22);
        ConfigFile.within("mm_vocab_size", mmVocabSize, 1, 1 << 22);
        ConfigFile.within("image_vocab_size", imageVocabSize, 1, mmVocabSize);
        ConfigFile.within("max_position_embeddings", maxPositions, 1, 1 << 22);
        if (heads % keyValueHeads != 0) {
            throw new CheckpointException("num_attention_heads " + heads + " is not divisible by num_key_value_heads " + keyValueHeads + "; fix config.json");
        }
        if (headWidth % 2 != 0) {
            throw new CheckpointException("head_dim " + headWidth + " is odd and cannot be rotated in pairs; fix config.json");
        }
        if ((long) maxPositions * headWidth > MOST_ANGLES) {
            throw new CheckpointException("max_position_embeddings " + maxPositions + " times head_dim " + headWidth + " is above " + MOST_ANGLES
                    + ", too many angles to hold; lower max_position_embeddings in config.json");
        }
        if (!(ropeTheta > 0) || !(rmsNormEps > 0) || rmsNormEps > 1) {
            throw new CheckpointException("rope_theta " + ropeTheta + " and rms_norm_eps " + rmsNormEps + " must be above 0 (eps at most 1); fix config.json");
        }
        if (specialTokens.size() < 3) {
            throw new CheckpointException("mm_special_tokens names " + specialTokens.size() + " tokens, expected at least 3: begin, end and header of an image; fix config.json");
        }
        if (Set.copyOf(specialTokens).size() < specialTokens.size()) {
            throw new CheckpointException("mm_special_tokens " + specialTokens + " names a token twice, expected 3 different ones; fix config.json");
        }
        specialTokens = List.copyOf(specialTokens);
    }

    /**
     * Reads {@code config.json}.
     *
     * @throws CheckpointException for values that are missing, of the wrong kind, impossible or not supported
     */
    public static UnifiedConfig of(ConfigFile json) {
        int hidden = json.integer("hidden_size");
        int heads = ConfigFile.within("num_attention_heads", json.integer("num_attention_heads"), 1, 4096);
        if (!json.has("head_dim") && hidden % heads != 0) {
            throw new CheckpointException("hidden_size " + hidden + " is not divisible by num_attention_heads " + heads + "; fix config.json");
        }
        requireUnscaled(json, "rope_scaling");
        requireUnscaled(json, "rope_parameters");
        String activation = json.text("hidden_act", "silu");
        if (!activation.equals("silu")) {
            throw new CheckpointException(json.file() + ": hidden_act is '" + activation + "', expected 'silu'; this is not an X-Omni checkpoint");
        }
        if (json.flag("tie_word_embeddings", false)) {
            throw new CheckpointException(json.file() + ": tie_word_embeddings is true, expected false; store lm_head.weight separately");
        }
        return new UnifiedConfig(
                hidden,
                json.integer("intermediate_size"),
                json.integer("num_hidden_layers"),
                json.integer("num_mm_adap_layers", 4),
                json.integer("num_mm_head_layers", 4),
                heads,
                json.integer("num_key_value_heads", heads),
                json.integer("head_dim", hidden / heads),
                json.integer("vocab_size"),
                json.integer("mm_vocab_size", 16_448),
                json.integer("image_vocab_size", 16_384),
                json.integer("max_position_embeddings", 32768),
                // As transformers 5 writes it, or as the released checkpoints have it.
                json.optionalChild("rope_parameters").orElse(json).number("rope_theta", json.number("rope_theta", 10000)),
                json.number("rms_norm_eps", 1e-6),
                json.has("mm_special_tokens") ? json.texts("mm_special_tokens") : List.of("<SOM>", "<EOM>", "<IMAGE>"));
    }

    /** Both names may hold a kind of scaled rotation, as transformers 4 and 5 write it. */
    private static void requireUnscaled(ConfigFile json, String key) {
        String kind = json.optionalChild(key).map(rope -> rope.text("rope_type", rope.text("type", "default"))).orElse("default");
        if (!kind.equals("default")) {
            throw new CheckpointException(json.file() + ": " + key + " of the type '" + kind + "' is not supported; set it to null and keep sequences within max_position_embeddings");
        }
    }

    /** Whether block {@code layer} is vision-specific: it changes multimodal positions only. */
    public boolean visionSpecific(int layer) {
        return layer < adapterLayers || layer >= layers - headLayers;
    }

    /** Whether an id stands for something multimodal rather than for text. */
    public boolean isMultimodal(int id) {
        return id >= vocabSize;
    }
}
