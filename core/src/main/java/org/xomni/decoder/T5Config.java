package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import org.xomni.tensor.ConfigFile;


/**
 * The {@code config.json} of the prompt's second encoder ({@code T5EncoderModel}, version 1.1).
 *
 * @param vocabSize how many ids there are
 * @param dModel D, which is also J
 * @param dFf the width inside feed-forward layers
 * @param dKv K; {@code H * K} need not be D
 * @param numLayers blocks
 * @param numHeads H
 * @param buckets how many classes of distances have a bias; a multiple of 4
 * @param maxDistance the distance from which on all are in the last class
 * @param layerNormEpsilon added to mean squares
 */
public record T5Config(
        int vocabSize,
        int dModel,
        int dFf,
        int dKv,
        int numLayers,
        int numHeads,
        int buckets,
        int maxDistance,
        double layerNormEpsilon) {
    private static final String WHAT = "the T5 encoder";

    public T5Config {
        inRange(WHAT, "vocab_size", vocabSize, 1, 1 << 24);
        inRange(WHAT, "d_model", dModel, 1, 1 << 16);
        inRange(WHAT, "d_ff", dFf, 1, 1 << 18);
        inRange(WHAT, "d_kv", dKv, 1, 1 << 12);
        inRange(WHAT, "num_layers", numLayers, 1, 1000);
        inRange(WHAT, "num_heads", numHeads, 1, 1024);
        inRange(WHAT, "relative_attention_num_buckets", buckets, 4, 1 << 16);
        inRange(WHAT, "relative_attention_max_distance", maxDistance, buckets / 4 + 1, 1 << 24);
        inRange(WHAT, "layer_norm_epsilon", layerNormEpsilon, 0, 1);
        if (buckets % 4 != 0) {
            throw invalid(WHAT, "relative_attention_num_buckets is " + buckets + ", expected a multiple of 4");
        }
    }

    /** Reads {@code config.json}. */
    public static T5Config of(ConfigFile json) {
        if (!json.text("feed_forward_proj", "relu").equals("gated-gelu")) {
            throw invalid(WHAT, "feed_forward_proj is " + json.text("feed_forward_proj", "relu")
                    + ", expected gated-gelu (T5 version 1.1)");
        }
        return new T5Config(
                json.integer("vocab_size"),
                json.integer("d_model"),
                json.integer("d_ff"),
                json.integer("d_kv"),
                json.integer("num_layers"),
                json.integer("num_heads"),
                json.integer("relative_attention_num_buckets", 32),
                json.integer("relative_attention_max_distance", 128),
                json.number("layer_norm_epsilon", 1e-6));
    }
}
