package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.silu;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Linear;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Tensors;

/**
 * The vector that modulates all blocks: the noise level, the strength of distilled guidance and the pooled prompt, each through an MLP,
 * added.
 *
 * @param timestep of the noise level
 * @param guidance null in models without distilled guidance
 * @param pooled of the pooled prompt
 */
record TimeEmbedding(Mlp timestep, @Nullable Mlp guidance, Mlp pooled) {
    private static final int WAVES = 128;
    private static final double LONGEST = 10_000;

    /** {@code W2 silu(W1 x)}. */
    record Mlp(Linear first, Linear second) {
        static Mlp of(Parameters p, long in, long width) {
            return new Mlp(Linear.of(p.at("linear_1"), in, width), Linear.of(p.at("linear_2"), width, width));
        }

        Tensor forward(Tensor x) {
            return second.forward(silu(first.forward(x)));
        }
    }

    static TimeEmbedding of(Parameters p, DecoderConfig c) {
        return new TimeEmbedding(
                Mlp.of(p.at("timestep_embedder"), 2 * WAVES, c.width()),
                c.guidanceEmbeds() ? Mlp.of(p.at("guidance_embedder"), 2 * WAVES, c.width()) : null,
                Mlp.of(p.at("text_embedder"), c.pooledProjectionDim(), c.width()));
    }

    /**
     * [B, D] in the type of {@code pooled}.
     *
     * @param sigma noise levels 0..1, fp32 [B]
     * @param strength of distilled guidance, fp32 [B]; unused without {@link #guidance}
     * @param pooled_BP the pooled prompt
     */
    Tensor forward(Tensor sigma, Tensor strength, Tensor pooled_BP) {
        ScalarType type = pooled_BP.scalar_type();
        Tensor sum = timestep.forward(waves(sigma).to(type)).add(pooled.forward(pooled_BP));
        return guidance == null ? sum : sum.add(guidance.forward(waves(strength).to(type)));
    }

    /** {@code cos(1000 t / 10000^(i/128))} for i = 0..127, then the sines: fp32 [B, 256]. */
    private static Tensor waves(Tensor t_B) {
        float[] frequencies = new float[WAVES];
        for (int i = 0; i < WAVES; i++) {
            frequencies[i] = (float) Math.exp(-Math.log(LONGEST) * i / WAVES);
        }
        Tensor frequency = Tensors.of(frequencies, 1, WAVES).to(t_B.device(), ScalarType.Float);
        Tensor angle_BW = t_B.mul(new Scalar(1000)).unsqueeze(1).mul(frequency);
        return cat(new TensorVector(angle_BW.cos(), angle_BW.sin()), 1);
    }
}
