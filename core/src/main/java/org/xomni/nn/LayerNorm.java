package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.layer_norm;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Tensors;

/**
 * {@code y = (x - mean) / sqrt(var + eps) * weight + bias} over the last dimension.
 *
 * @param width D
 * @param weight [D], or null for none
 * @param bias [D], or null for none
 * @param eps added to the variance
 */
public record LayerNorm(long width, @Nullable Tensor weight, @Nullable Tensor bias, double eps) {

    public static LayerNorm of(Parameters p, long width, double eps) {
        return new LayerNorm(width, p.tensor("weight", width), p.tensor("bias", width), eps);
    }

    /** The norm without parameters, as adaptive layer norms use it. */
    public static LayerNorm plain(long width, double eps) {
        return new LayerNorm(width, null, null, eps);
    }

    /** [..., D] to [..., D]. */
    public Tensor forward(Tensor x) {
        return layer_norm(x, new long[] {width}, Tensors.optional(weight), Tensors.optional(bias), eps, true);
    }
}
