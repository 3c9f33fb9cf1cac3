package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** Whatever codes look like, the decoder gets them whitened. */
class WayBackTest {
    private static final int WIDTH = 12;
    private static final int CODE = 4;

    @Test
    void featuresHaveMeanZeroAndTheSameVarianceInAllDirectionsOfTheCode() {
        try (Scope scope = Scope.inference(); Randomness random = new Randomness(3)) {
            Tensor mixing = Tensors.normal(random, CODE, CODE);
            Tensor codes_NC = Tensors.normal(random, 500, CODE).matmul(mixing).add(new Scalar(5));
            Map<String, Tensor> old = new LinkedHashMap<>();
            old.put("quantizer/quant_conv.weight", Tensors.normal(random, CODE, WIDTH, 1, 1));
            old.put("quantizer/post_quant_conv.weight", Tensors.normal(random, WIDTH, CODE, 1, 1));
            old.put("quantizer/post_quant_conv.bias", Tensors.normal(random, WIDTH));
            for (int block = 0; block < 2; block++) {
                old.put("quantizer/post_conv." + block + ".conv2.weight", Tensors.normal(random, WIDTH, WIDTH, 3, 3));
                old.put("quantizer/post_conv." + block + ".conv2.bias", Tensors.normal(random, WIDTH));
            }

            Map<String, Tensor> fresh = WayBack.fresh(old, "quantizer", codes_NC, random);

            Tensor features_ND = codes_NC.matmul(get(fresh, "quantizer/post_quant_conv.weight").view(WIDTH, CODE).t())
                    .add(get(fresh, "quantizer/post_quant_conv.bias"));
            assertThat(features_ND.mean(new long[] {0}, false, new ScalarTypeOptional()).abs().max().item_float()).isCloseTo(0, within(1e-4f));
            float[] variances = Tensors.floats(torch.linalg_eigvalsh(features_ND.t().matmul(features_ND).div(new Scalar(500.0))));
            for (int i = 0; i < WIDTH; i++) {
                float expected = i < WIDTH - CODE ? 0 : (float) WIDTH / CODE;
                assertThat(variances[i]).isCloseTo(expected, within(1e-3f));
            }
            assertThat(get(fresh, "quantizer/post_conv.1.conv2.weight").abs().max().item_float()).isZero();
            assertThat(fresh.get("quantizer/quant_conv.weight")).as("what chooses tokens stays").isSameAs(old.get("quantizer/quant_conv.weight"));
        }
    }

    private static Tensor get(Map<String, Tensor> weights, String name) {
        return Objects.requireNonNull(weights.get(name), name);
    }
}
