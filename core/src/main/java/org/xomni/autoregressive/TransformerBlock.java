package org.xomni.autoregressive;

// Shapes: B batch, L length, D width, H query heads, G key-value heads, K head width.

import static org.bytedeco.pytorch.global.torch.silu;
import static org.bytedeco.pytorch.global.torch.where;

import org.bytedeco.pytorch.Tensor;
import org.xomni.nn.Attention;
import org.xomni.nn.Linear;
import org.xomni.nn.RmsNorm;
import org.xomni.nn.Rope;
import org.xomni.tensor.Parameters;

/**
 * One pre-norm block of Qwen2. A vision-specific block changes multimodal positions only: text positions feed it keys and values, and leave it
 * as they came (paper, section 3.2).
 */
public record TransformerBlock(
        int layer,
        boolean visionSpecific,
        int heads,
        int keyValueHeads,
        RmsNorm inputNorm,
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        RmsNorm postAttentionNorm,
        Linear gate,
        Linear up,
        Linear down) {

    public static TransformerBlock of(Parameters p, UnifiedConfig c, int layer) {
        int d = c.hiddenSize();
        Parameters attention = p.at("self_attn");
        Parameters mlp = p.at("mlp");
        return new TransformerBlock(
                layer,
                c.visionSpecific(layer),
                c.heads(),
                c.keyValueHeads(),
                RmsNorm.of(p.at("input_layernorm"), d, c.rmsNormEps()),
                Linear.of(attention.at("q_proj"), d, (long) c.heads() * c.headWidth()),
                Linear.of(attention.at("k_proj"), d, (long) c.keyValueHeads() * c.headWidth()),
                Linear.of(attention.at("v_proj"), d, (long) c.keyValueHeads() * c.headWidth()),
                Linear.of(attention.at("o_proj"), (long) c.heads() * c.headWidth(), d, false),
                RmsNorm.of(p.at("post_attention_layernorm"), d, c.rmsNormEps()),
                Linear.of(mlp.at("gate_proj"), d, c.intermediateSize(), false),
                Linear.of(mlp.at("up_proj"), d, c.intermediateSize(), false),
                Linear.of(mlp.at("down_proj"), c.intermediateSize(), d, false));
    }

    /**
     * @param x_BLD the residual stream
     * @param multimodal_BL1 bool, which positions are multimodal
     * @param rope the tables of these positions
     * @return [B, L, D]
     */
    public Tensor forward(Tensor x_BLD, Tensor multimodal_BL1, Rope rope, AttentionContext context) {
        Tensor y = x_BLD.add(attention(inputNorm.forward(x_BLD), rope, context));
        y = y.add(mlp(postAttentionNorm.forward(y)));
        return visionSpecific ? where(multimodal_BL1, y, x_BLD) : y;
    }

    private Tensor attention(Tensor x_BLD, Rope rope, AttentionContext context) {
        Tensor q = rope.turn(Attention.heads(query.forward(x_BLD), heads));
        Tensor k = rope.turn(Attention.heads(key.forward(x_BLD), keyValueHeads));
        Tensor v = Attention.heads(value.forward(x_BLD), keyValueHeads);
        return output.forward(Attention.merge(context.attend(layer, q, k, v)));
    }

    private Tensor mlp(Tensor x_BLD) {
        return down.forward(silu(gate.forward(x_BLD)).mul(up.forward(x_BLD)));
    }
}
