package org.xomni.train;

// Shapes: N features, D width.

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;

/**
 * Brings the features that the quantiser hands to the decoder to mean 0 and spread 1 by its weights alone; tokens stay what they are.
 *
 * <p>Nothing in the tokenizer's own training cares for their size, and AdamW, whose steps have the size of the learning rate, cannot learn from
 * inputs of 25 what it learns from inputs of 1. They are {@code x = from(code)}, refined by {@code x + conv2(gelu(norm2(conv1(gelu(norm1(x))))))}.
 * A group norm does not see the size of its input, so {@code from} and each {@code conv2} divided by the spread divide the features by it,
 * and the last bias takes the mean away.
 */
final class FeatureScale {
    private static final List<String> SCALED = List.of("post_quant_conv", "post_conv.0.conv2", "post_conv.1.conv2");
    private static final String LAST_BIAS = "post_conv.1.conv2.bias";

    private FeatureScale() {}

    /**
     * The weights with scale and mean folded in.
     *
     * @param weights fp32, of the quantiser under {@code component/} and perhaps others
     * @param features_ND what the quantiser gives with these weights, many of them
     */
    static Map<String, Tensor> folded(Map<String, Tensor> weights, String component, Tensor features_ND) {
        Tensor mean_D = features_ND.mean(new long[] {0}, false, new ScalarTypeOptional());
        double spread = Math.sqrt(features_ND.sub(mean_D).square().mean().item_float());
        Map<String, Tensor> folded = new LinkedHashMap<>(weights);
        for (String layer : SCALED) {
            for (String part : List.of(".weight", ".bias")) {
                folded.computeIfPresent(component + "/" + layer + part, (name, weight) -> weight.div(new Scalar(spread)));
            }
        }
        String bias = component + "/" + LAST_BIAS;
        folded.put(bias, Objects.requireNonNull(folded.get(bias)).sub(mean_D.div(new Scalar(spread))));
        return folded;
    }
}
