package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.divides;
import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import org.xomni.tensor.ConfigFile;


/**
 * The {@code config.json} of the prompt's first encoder ({@code CLIPTextModel}).
 *
 * @param vocabSize how many ids there are
 * @param hiddenSize D, which is also P
 * @param intermediateSize the width inside feed-forward layers
 * @param numHiddenLayers blocks
 * @param numAttentionHeads H
 * @param maxPositionEmbeddings the most ids of a prompt
 * @param hiddenAct {@code quick_gelu} or {@code gelu}
 * @param layerNormEps added to variances
 * @param eosTokenId the id whose position is pooled; 2, written by early versions, means the position of the largest id
 */
public record ClipConfig(
        int vocabSize,
        int hiddenSize,
        int intermediateSize,
        int numHiddenLayers,
        int numAttentionHeads,
        int maxPositionEmbeddings,
        String hiddenAct,
        double layerNormEps,
        int eosTokenId) {
    private static final String WHAT = "the CLIP text encoder";

    public ClipConfig {
        inRange(WHAT, "vocab_size", vocabSize, 1, 1 << 24);
        inRange(WHAT, "hidden_size", hiddenSize, 1, 1 << 16);
        inRange(WHAT, "intermediate_size", intermediateSize, 1, 1 << 18);
        inRange(WHAT, "num_hidden_layers", numHiddenLayers, 1, 1000);
        inRange(WHAT, "num_attention_heads", numAttentionHeads, 1, 1024);
        divides(WHAT, "num_attention_heads", numAttentionHeads, "hidden_size", hiddenSize);
        inRange(WHAT, "max_position_embeddings", maxPositionEmbeddings, 1, 1 << 16);
        inRange(WHAT, "layer_norm_eps", layerNormEps, 0, 1);
        inRange(WHAT, "eos_token_id", eosTokenId, 0, 1 << 24);
        if (!hiddenAct.equals("quick_gelu") && !hiddenAct.equals("gelu")) {
            throw invalid(WHAT, "hidden_act is " + hiddenAct + ", expected quick_gelu or gelu");
        }
    }

    /** Reads {@code config.json}. */
    public static ClipConfig of(ConfigFile json) {
        return new ClipConfig(
                json.integer("vocab_size"),
                json.integer("hidden_size"),
                json.integer("intermediate_size"),
                json.integer("num_hidden_layers"),
                json.integer("num_attention_heads"),
                json.integer("max_position_embeddings", 77),
                json.text("hidden_act", "quick_gelu"),
                json.number("layer_norm_eps", 1e-5),
                json.integer("eos_token_id", 49407));
    }
}
