package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.silu;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.xomni.nn.LayerNorm;
import org.xomni.nn.Linear;
import org.xomni.tensor.Parameters;

/**
 * Adaptive layer norm (Peebles and Xie 2023): a linear function of the time embedding gives shifts, scales and gates, each [B, 1, D].
 *
 * @param linear from D to {@code parts * D}
 * @param norm without parameters of its own
 */
record Modulation(Linear linear, LayerNorm norm) {
    private static final double EPS = 1e-6;

    static Modulation of(Parameters p, long width, long parts) {
        return new Modulation(Linear.of(p.at("linear"), width, parts * width), LayerNorm.plain(width, EPS));
    }

    /** All parts, [B, 1, parts * D]. */
    Tensor parts(Tensor temb_BD) {
        return linear.forward(silu(temb_BD)).unsqueeze(1);
    }

    /** The {@code index}-th of the parts. */
    Tensor part(Tensor parts, int index) {
        return parts.narrow(2, index * norm.width(), norm.width());
    }

    /** {@code norm(x) * (1 + scale) + shift}. */
    Tensor modulate(Tensor x_BLD, Tensor shift, Tensor scale) {
        return norm.forward(x_BLD).mul(scale.add(new Scalar(1))).add(shift);
    }
}
