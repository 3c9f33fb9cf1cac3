package org.xomni.rl;

// Shapes: N ids of a row, D width, M image tokens, K codes.

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedModel;

/**
 * How a model scores rollouts: the one place where old, current and reference log-probabilities come from. The policy's is the distribution that rollouts are
 * drawn from, the softmax of the image head with no filter and at their temperature (the reference's at 1); the sampler's own arithmetic rounds differently and is not used.
 *
 * @param chosen_M log-probability of each token, fp32
 * @param all_MK log-probabilities of all codes where each token stands
 */
record TokenScores(Tensor chosen_M, Tensor all_MK) {

    /** @param temperature divides the logits: that of the rollouts for the policy, 1 for the reference */
    static TokenScores of(UnifiedModel model, RolloutTensors batch, double temperature) {
        Tensor hidden_1ND = model.forwardShared(batch.ids_1N(), batch.stretches());
        Tensor hidden_MD = hidden_1ND.flatten(0, 1).index_select(0, batch.before_M());
        Tensor all_MK = model.logits(hidden_MD, Head.IMAGE).to(ScalarType.Float).div(new Scalar(temperature)).log_softmax(1);
        return new TokenScores(all_MK.gather(1, batch.codes_M().unsqueeze(1)).squeeze(1), all_MK);
    }

    /**
     * The entropy of the distributions that tokens were drawn from, in nats, summed over tokens.
     *
     * @param drawn_M how often each was drawn
     */
    Tensor entropy(Tensor drawn_M) {
        Tensor all = all_MK.detach();
        return all.exp().mul(all).sum(1).mul(drawn_M).sum().mul(new Scalar(-1.0));
    }
}
