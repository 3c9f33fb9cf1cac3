package org.xomni.rl;

// Shapes: M image tokens.

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
     * @param current_M log-probabilities by the model being trained
     * @param old_M by the model that drew the rollouts
     * @param reference_M by the frozen reference
     * @param advantages_M A
     * @param weights_M w, see {@link Aggregation}
     * @param drawn_M fp32, how often each token was drawn, which metrics are about
     * @param beta of the KL penalty
     */
    static GrpoLoss of(
            Tensor current_M, Tensor old_M, Tensor reference_M, Tensor advantages_M, Tensor weights_M, Tensor drawn_M, Clip clip, double beta) {
        Tensor ratio_M = current_M.sub(old_M).exp();
        Tensor objective_M = minimum(ratio_M.mul(advantages_M), clip.bound(ratio_M).mul(advantages_M));
        Tensor d_M = reference_M.sub(current_M);
        Tensor k3_M = d_M.exp().sub(d_M).sub(new Scalar(1.0));
        Tensor total = objective_M.sub(k3_M.mul(new Scalar(beta))).mul(weights_M).sum().neg();
        Tensor high = ratio_M.gt(new Scalar(1 + clip.high())).logical_and(advantages_M.gt(new Scalar(0)));
        Tensor low = ratio_M.lt(new Scalar(1 - clip.low())).logical_and(advantages_M.lt(new Scalar(0)));
        return new GrpoLoss(total, k3_M.detach().mul(drawn_M).sum(), count(high, drawn_M), count(low, drawn_M));
    }

    private static Tensor count(Tensor chosen_M, Tensor drawn_M) {
        return chosen_M.to(ScalarType.Float).mul(drawn_M).sum();
    }
}
