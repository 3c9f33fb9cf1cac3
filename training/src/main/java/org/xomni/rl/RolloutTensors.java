package org.xomni.rl;

// Shapes: B rollouts, L ids of the longest, T image tokens of the longest.

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Tensors;

/**
 * A micro-batch of rollouts, padded on the right, where a causal model does not see it.
 *
 * @param ids_BL int64, the prompt and the image but for its last token
 * @param positions_N int64, N = B*T: where in B*L each token's scores stand; 0 for padding
 * @param codes_N int64, the tokens from 0; 0 for padding
 * @param mask_BT fp32, 1 for tokens, 0 for padding
 */
record RolloutTensors(Tensor ids_BL, Tensor positions_N, Tensor codes_N, Tensor mask_BT) {

    /** @param numerics says where the tensors lie */
    static RolloutTensors of(List<Rollout> rollouts, UnifiedConfig config, Numerics numerics) {
        int b = rollouts.size();
        int l = rollouts.stream().mapToInt(r -> r.prompt().length + r.length() - 1).max().orElse(0);
        int t = rollouts.stream().mapToInt(Rollout::length).max().orElse(0);
        long[] ids = new long[b * l];
        long[] positions = new long[b * t];
        long[] codes = new long[b * t];
        float[] mask = new float[b * t];
        for (int i = 0; i < b; i++) {
            int[] prompt = rollouts.get(i).prompt();
            int[] image = rollouts.get(i).image().ids();
            for (int j = 0; j < prompt.length; j++) {
                ids[i * l + j] = prompt[j];
            }
            for (int j = 0; j < image.length; j++) {
                if (j < image.length - 1) {
                    ids[i * l + prompt.length + j] = config.vocabSize() + image[j];
                }
                positions[i * t + j] = (long) i * l + prompt.length + j - 1;
                codes[i * t + j] = image[j];
            }
            Arrays.fill(mask, i * t, i * t + image.length, 1);
        }
        return new RolloutTensors(
                numerics.place(Tensors.of(ids, b, l)),
                numerics.place(Tensors.of(positions, positions.length)),
                numerics.place(Tensors.of(codes, codes.length)),
                numerics.place(Tensors.of(mask, b, t)));
    }

    /** A value for each rollout, repeated over its tokens; 0 at padding. */
    Tensor overTokens(double[] values) {
        return mask_BT.mul(column(values, mask_BT));
    }

    /** A value for each rollout, [B, 1], where another tensor lies. */
    static Tensor column(double[] values, Tensor beside) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return Tensors.of(narrow, values.length, 1).to(beside.device(), ScalarType.Float);
    }
}
