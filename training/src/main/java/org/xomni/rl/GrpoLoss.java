package org.xomni.rl;

// Shapes: B rollouts, T image tokens, padded; values at padding are 0 in counts and weights.

import static org.bytedeco.pytorch.global.torch.minimum;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The clipped policy objective of GRPO with a KL penalty towards the frozen reference, negated (paper section 4.3; arXiv 2402.03300):
 *
 * <pre>
 * rho  = exp(current - old)                          k3 = exp(d) - d - 1,  d = reference - current
 * loss = - sum over tokens of  w (min(rho A, clip(rho) A) - beta k3)
 * </pre>
 *
 * @param total scalar, to be differentiated
 * @param kl k3 summed over tokens; scalar
 * @param clippedHigh tokens whose ratio is above the upper bound while A > 0; scalar
 * @param clippedLow tokens whose ratio is below the lower bound while A < 0; scalar
 */
record GrpoLoss(Tensor total, Tensor kl, Tensor clippedHigh, Tensor clippedLow) {

    /**
     * @param current_BT log-probabilities by the model being trained
     * @param old_BT by the model that drew the rollouts
     * @param reference_BT by the frozen reference
     * @param advantages_B1 A
     * @param weights_BT w, see {@link Aggregation}
     * @param drawn_BT fp32, how often each token was drawn, which metrics are about; 0 at padding
     * @param beta of the KL penalty
     */
    static GrpoLoss of(
            Tensor current_BT, Tensor old_BT, Tensor reference_BT, Tensor advantages_B1, Tensor weights_BT, Tensor drawn_BT, Clip clip, double beta) {
        Tensor ratio_BT = current_BT.sub(old_BT).exp();
        Tensor objective_BT = minimum(ratio_BT.mul(advantages_B1), clip.bound(ratio_BT).mul(advantages_B1));
        Tensor d_BT = reference_BT.sub(current_BT);
        Tensor k3_BT = d_BT.exp().sub(d_BT).sub(new Scalar(1.0));
        Tensor total = objective_BT.sub(k3_BT.mul(new Scalar(beta))).mul(weights_BT).sum().neg();
        Tensor high = ratio_BT.gt(new Scalar(1 + clip.high())).logical_and(advantages_B1.gt(new Scalar(0)));
        Tensor low = ratio_BT.lt(new Scalar(1 - clip.low())).logical_and(advantages_B1.lt(new Scalar(0)));
        return new GrpoLoss(total, k3_BT.detach().mul(drawn_BT).sum(), count(high, drawn_BT), count(low, drawn_BT));
    }

    private static Tensor count(Tensor chosen_BT, Tensor drawn_BT) {
        return chosen_BT.to(ScalarType.Float).mul(drawn_BT).sum();
    }
}
