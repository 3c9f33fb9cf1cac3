package org.xomni.rl;

// Shapes: B rollouts, L ids, D width, T image tokens, N = B*T, K codes.

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.Tensors;

/**
 * How a model scores rollouts: the one place where old, current and reference log-probabilities come from. The policy's is the distribution that rollouts are
 * drawn from, the softmax of the image head with no filter and at their temperature (the reference's at 1); the sampler's own arithmetic rounds differently and is not used.
 *
 * @param chosen_BT log-probability of each token, fp32, 0 at padding
 * @param all_NK log-probabilities of all codes where each token stands
 */
record TokenScores(Tensor chosen_BT, Tensor all_NK) {

    /** @param temperature divides the logits: that of the rollouts for the policy, 1 for the reference */
    static TokenScores of(UnifiedModel model, RolloutTensors batch, double temperature) {
        Tensor hidden_BLD = model.forward(batch.ids_BL());
        Tensor hidden_ND = hidden_BLD.flatten(0, 1).index_select(0, batch.positions_N());
        Tensor all_NK = model.logits(hidden_ND, Head.IMAGE).to(ScalarType.Float).div(new Scalar(temperature)).log_softmax(1);
        long[] shape = Tensors.shape(batch.mask_BT());
        Tensor chosen_BT = all_NK.gather(1, batch.codes_N().unsqueeze(1)).view(shape).mul(batch.mask_BT());
        return new TokenScores(chosen_BT, all_NK);
    }

    /**
     * The entropy of the distributions that tokens were drawn from, in nats, summed over tokens.
     *
     * @param drawn_BT how often each was drawn
     */
    Tensor entropy(Tensor drawn_BT) {
        Tensor all = all_NK.detach();
        return all.exp().mul(all).sum(1).mul(drawn_BT.reshape(-1)).sum().mul(new Scalar(-1.0));
    }
}
