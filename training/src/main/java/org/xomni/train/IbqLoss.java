package org.xomni.train;

// Shapes: N features, C code dimension, K codes.

import static org.bytedeco.pytorch.global.torch.mse_loss;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * Index back-propagation quantisation (IBQ, Shi et al. 2024), in the form that the paper uses: every code learns from every feature.
 *
 * <p>With features z^ and codes e^ scaled to length 1, raw codes E and temperature t:
 *
 * <pre>
 * soft = softmax(-||z^ - e^||^2 / t)      hard = one-hot of the largest      st = hard - sg(soft) + soft
 * z_q  = st E                             z_q2 = hard E
 * loss = mse(z_q, z^) + mse(sg(z_q2), z^) + 1/4 mse(z_q2, sg(z^))
 * </pre>
 *
 * {@code st E} is computed as {@code hard E + soft sg(E) - sg(soft sg(E))}, which has the same value and the same gradients without a one-hot
 * matrix.
 *
 * @param quantized z_q [N, C]
 * @param codes int64 [N], the largest entries
 * @param distances ||z^ - e^||^2 of each feature and its code [N], without gradient
 * @param loss scalar
 */
record IbqLoss(Tensor quantized, Tensor codes, Tensor distances, Tensor loss) {
    private static final double COMMITMENT = 0.25;

    /**
     * @param z_NC features of length 1
     * @param codebook_KC raw codes
     */
    static IbqLoss of(Tensor z_NC, Tensor codebook_KC, double temperature) {
        // ||z^ - e^||^2 = 2 - 2 z^ e^
        double sharpness = 2 / temperature;
        Tensor logits_NK = z_NC.mul(new Scalar(sharpness)).matmul(unit(codebook_KC).t());
        Tensor soft_NK = logits_NK.softmax(1);
        Tensor codes_N = logits_NK.detach().argmax(new LongOptional(1), false);
        Tensor hard_NC = codebook_KC.index_select(0, codes_N);
        Tensor expected_NC = soft_NK.matmul(codebook_KC.detach());
        Tensor quantized_NC = hard_NC.add(expected_NC.sub(expected_NC.detach()));
        Tensor loss = mse_loss(quantized_NC, z_NC)
                .add(mse_loss(hard_NC.detach(), z_NC))
                .add(mse_loss(hard_NC, z_NC.detach()), new Scalar(COMMITMENT));
        Tensor nearest_N = logits_NK.detach().gather(1, codes_N.unsqueeze(1)).squeeze(1);
        return new IbqLoss(quantized_NC, codes_N, nearest_N.mul(new Scalar(-2 / sharpness)).add(new Scalar(2)), loss);
    }

    /** Rows scaled to length 1. */
    static Tensor unit(Tensor x_NC) {
        return x_NC.mul(x_NC.square().sum(new long[] {1}, true, new ScalarTypeOptional()).add(new Scalar(1e-12)).rsqrt());
    }
}
