package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.conv2d;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.xomni.tensor.Parameters;

/**
 * A square convolution with bias.
 *
 * @param weight [out, in, k, k]
 * @param bias [out]
 * @param stride in both directions
 * @param padding zeros on all four sides
 */
public record Conv2d(Tensor weight, Tensor bias, long stride, long padding) {

    /** Stride 1 and {@code kernel / 2} zeros on each side: the size stays. */
    public static Conv2d of(Parameters p, long in, long out, long kernel) {
        return of(p, in, out, kernel, 1, kernel / 2);
    }

    public static Conv2d of(Parameters p, long in, long out, long kernel, long stride, long padding) {
        return new Conv2d(p.tensor("weight", out, in, kernel, kernel), p.tensor("bias", out), stride, padding);
    }

    /** [B, in, Y, X] to [B, out, Y', X']. */
    public Tensor forward(Tensor x) {
        long[] both = {stride, stride};
        return conv2d(x, weight, new TensorOptional(bias), both, new long[] {padding, padding}, new long[] {1, 1}, 1);
    }
}
