package org.xomni.train;

// Shapes: N tokens, C code dimension, D width.

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Tensors;

/**
 * The quantiser's way back, from a code to the feature that the decoder is given, as a trained tokenizer hands it on: code vectors, whitened, in
 * directions at right angles,
 *
 * <pre>
 * feature = sqrt(D / C) Q L^(-1/2) U^T (code - mean)       with U L U^T the covariance of codes, Q [D, C] orthonormal
 * </pre>
 *
 * so that features have mean 0 and spread 1 and what tells codes apart is large in them. The refining residual blocks add nothing at first.
 *
 * <p>What alignment with a language model makes of this way is of no use to a decoder: in mini one direction had 10^5 times the variance of those
 * that tell letters apart, and after 64,000 pictures the decoder had learned colours only. No token depends on it.
 */
final class WayBack {
    private static final List<String> RESIDUALS = List.of("post_conv.0.conv2", "post_conv.1.conv2");
    private static final String OUT = "post_quant_conv";

    private WayBack() {}

    /**
     * The weights of a quantiser with a fresh way back.
     *
     * @param weights fp32, of the quantiser under {@code component/} and perhaps others
     * @param codes vectors [N, C], as often as they occur, more than C of them
     */
    static Map<String, Tensor> fresh(Map<String, Tensor> weights, String component, Tensor codes, Randomness randomness) {
        Tensor codes_NC = codes.cpu();
        long c = codes_NC.size(1);
        Tensor mean_C = codes_NC.mean(new long[] {0}, false, new ScalarTypeOptional());
        Tensor centered_NC = codes_NC.sub(mean_C);
        T_TensorTensor_T eigen = torch.linalg_eigh(centered_NC.t().matmul(centered_NC).div(new Scalar((double) codes_NC.size(0))));
        Tensor whitening_CC = eigen.get1().mul(eigen.get0().clamp_min(new Scalar(1e-8)).rsqrt()).t();
        String weight = component + "/" + OUT + ".weight";
        Tensor old_DC11 = Objects.requireNonNull(weights.get(weight));
        long d = old_DC11.size(0);
        Tensor q_DC = torch.linalg_qr(Tensors.normal(randomness, d, c)).get0().mul(new Scalar(Math.sqrt((double) d / c)));
        Tensor map_DC = q_DC.matmul(whitening_CC);
        Map<String, Tensor> fresh = new LinkedHashMap<>(weights);
        fresh.put(weight, map_DC.view(d, c, 1, 1));
        fresh.put(component + "/" + OUT + ".bias", map_DC.matmul(mean_C).neg());
        for (String residual : RESIDUALS) {
            for (String part : List.of(".weight", ".bias")) {
                fresh.computeIfPresent(component + "/" + residual + part, (name, value) -> torch.zeros_like(value));
            }
        }
        return fresh;
    }
}
