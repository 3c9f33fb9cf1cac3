package org.xomni.decoder;

import static org.xomni.decoder.ConfigFields.inRange;
import static org.xomni.decoder.ConfigFields.invalid;

import java.nio.file.Path;

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
    public static T5Config read(Path file) {
        ConfigFields f = ConfigFields.read(file);
        if (!f.text("feed_forward_proj", "relu").equals("gated-gelu")) {
            throw invalid(WHAT, "feed_forward_proj is " + f.text("feed_forward_proj", "relu") + ", expected gated-gelu (T5 version 1.1)");
        }
        return new T5Config(
                f.integer("vocab_size"),
                f.integer("d_model"),
                f.integer("d_ff"),
                f.integer("d_kv"),
                f.integer("num_layers"),
                f.integer("num_heads"),
                f.integer("relative_attention_num_buckets", 32),
                f.integer("relative_attention_max_distance", 128),
                f.number("layer_norm_epsilon", 1e-6));
    }
}
