package org.xomni.train;

import java.util.List;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.VaeConfig;
import org.xomni.tokenizer.VitConfig;

/**
 * Roughly what one micro-batch leaves for the backward pass, when nothing is recomputed: the tensors that the gradients of each block need,
 * counted in its formulas. D width, A width of all heads, I width of the MLP, H heads, L length; for each token and block:
 *
 * <pre>
 * Qwen2       4 D + 5 A + 4 I      norms 4 D; rotated queries, keys, values, what is gathered, merged 5 A; gate, silu, up, product 4 I
 * ViT         8 D + 2 I            norms 4 D; queries, keys, values 3 D; what is gathered D; before and after GELU 2 I
 * FLUX        24 D                 modulated norms; queries, keys, values before and after norm and rotation; MLP of 4 D around GELU
 * autoencoder 7 for each channel of a residual block, at its resolution
 * </pre>
 *
 * Plain attention also keeps its scores and their softmax, 2 H L for each token and block; flash attention does not. Scores of a vocabulary
 * V of a language model: V once in the type of activations and twice in fp32.
 *
 * @param bytes without attention's scores
 * @param attention scores of plain attention
 */
public record Activations(long bytes, long attention) {
    private static final int FP32 = 4;

    /** Blocks of Qwen2. */
    public static Activations ofTransformer(
            long width, long attentionWidth, long mlpWidth, long heads, long layers, long rows, long length, long bytes) {
        return blocks(4 * width + 5 * attentionWidth + 4 * mlpWidth, heads, layers, rows, length, bytes);
    }

    static Activations ofVit(VitConfig c, long images, long length, long bytes) {
        return blocks(8L * c.width() + 2L * c.mlpWidth(), c.heads(), c.layers(), images, length, bytes);
    }

    static Activations ofFlux(DecoderConfig c, long images, long length, long bytes) {
        return blocks(24L * c.width(), c.numAttentionHeads(), c.numLayers() + c.numSingleLayers(), images, length, bytes);
    }

    /** Scores of a vocabulary and their softmax. */
    public static Activations ofScores(long vocabulary, long tokens, long bytes) {
        return new Activations(vocabulary * tokens * (bytes + 2 * FP32), 0);
    }

    /** Encoder and decoder, which has one residual block more at each resolution. */
    static Activations ofAutoencoder(VaeConfig c, long pixels, long bytes) {
        List<Integer> channels = c.blockOutChannels();
        long elements = 0;
        for (int level = 0; level < channels.size(); level++) {
            elements += 7L * channels.get(level) * (2L * c.layersPerBlock() + 1) * (pixels >> (2 * level));
        }
        return new Activations(elements * bytes, 0);
    }

    private static Activations blocks(long eachToken, long heads, long layers, long rows, long length, long bytes) {
        return new Activations(eachToken * layers * rows * length * bytes, 2 * heads * length * layers * rows * length * bytes);
    }

    /** The sum. */
    public Activations and(Activations other) {
        return new Activations(bytes + other.bytes, attention + other.attention);
    }
}
