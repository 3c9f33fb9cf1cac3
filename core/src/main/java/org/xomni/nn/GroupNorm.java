package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.group_norm;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.xomni.tensor.Parameters;

/**
 * Normalises each of {@code groups} groups of channels over channels and space.
 *
 * @param groups divides C
 * @param weight [C]
 * @param bias [C]
 * @param eps added to the variance
 */
public record GroupNorm(long groups, Tensor weight, Tensor bias, double eps) {

    public static GroupNorm of(Parameters p, long groups, long channels, double eps) {
        return new GroupNorm(groups, p.tensor("weight", channels), p.tensor("bias", channels), eps);
    }

    /** [B, C, Y, X] to [B, C, Y, X]. */
    public Tensor forward(Tensor x) {
        return group_norm(x, groups, new TensorOptional(weight), new TensorOptional(bias), eps, true);
    }
}
