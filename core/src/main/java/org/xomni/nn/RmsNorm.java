package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.rms_norm;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Tensors;

/**
 * {@code y = x / sqrt(mean(x^2) + eps) * weight} over the last dimension.
 *
 * @param weight [D]
 * @param eps added to the mean square
 */
public record RmsNorm(Tensor weight, double eps) {

    public static RmsNorm of(Parameters p, long width, double eps) {
        return new RmsNorm(p.tensor("weight", width), eps);
    }

    /** [..., D] to [..., D]. */
    public Tensor forward(Tensor x) {
        return rms_norm(x, Tensors.shape(weight), new TensorOptional(weight), new DoubleOptional(eps));
    }
}
