package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.scaled_dot_product_attention;

import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Tensors;

/** {@code softmax(q k^T / sqrt(K)) v}. Sequences are [B, L, H*K]; heads are [B, H, L, K]. */
public final class Attention {
    private Attention() {}

    /** [B, L, H*K] to [B, H, L, K]. */
    public static Tensor heads(Tensor x_BLD, long heads) {
        long[] s = Tensors.shape(x_BLD);
        return x_BLD.view(s[0], s[1], heads, s[2] / heads).transpose(1, 2);
    }

    /** [B, H, L, K] to [B, L, H*K]. */
    public static Tensor merge(Tensor x_BHLK) {
        long[] s = Tensors.shape(x_BHLK);
        return x_BHLK.transpose(1, 2).reshape(s[0], s[2], s[1] * s[3]);
    }

    /** Every position sees every position. */
    public static Tensor full(Tensor q_BHLK, Tensor k_BHLK, Tensor v_BHLK) {
        return attend(q_BHLK, k_BHLK, v_BHLK, null, false);
    }

    /** {@code softmax(q k^T + bias) v}, without the scale. The bias is [1, H, L, L]. */
    public static Tensor biased(Tensor q_BHLK, Tensor k_BHLK, Tensor v_BHLK, Tensor bias_1HLL) {
        return attend(q_BHLK, k_BHLK, v_BHLK, bias_1HLL, false, 1);
    }

    /**
     * Causal attention of the last L positions of T, with grouped keys and values.
     *
     * @param q_BHLK queries of positions T-L .. T-1
     * @param k_BGTK keys of positions 0 .. T-1, for G groups, G divides H
     * @param v_BGTK values, as the keys
     */
    public static Tensor causal(Tensor q_BHLK, Tensor k_BGTK, Tensor v_BGTK) {
        long heads = q_BHLK.size(1);
        long length = q_BHLK.size(2);
        long total = k_BGTK.size(2);
        Tensor k = repeat(k_BGTK, heads);
        Tensor v = repeat(v_BGTK, heads);
        if (length == 1) {
            return attend(q_BHLK, k, v, null, false);
        }
        if (length == total) {
            return attend(q_BHLK, k, v, null, true);
        }
        Tensor visible = torch.ones(new long[] {length, total}, new TensorOptions(ScalarType.Bool).device(
                new DeviceOptional(q_BHLK.device()))).tril(total - length);
        return attend(q_BHLK, k, v, visible, false);
    }

    /**
     * Attention to chosen positions, with grouped keys and values.
     *
     * @param q_BHLK queries
     * @param k_BGLK keys, for G groups, G divides H
     * @param v_BGLK values, as the keys
     * @param visible_B1LL bool, which keys (last dimension) a query sees; each sees at least one
     */
    public static Tensor visible(Tensor q_BHLK, Tensor k_BGLK, Tensor v_BGLK, Tensor visible_B1LL) {
        long heads = q_BHLK.size(1);
        return attend(q_BHLK, repeat(k_BGLK, heads), repeat(v_BGLK, heads), visible_B1LL, false);
    }

    private static Tensor repeat(Tensor x_BGTK, long heads) {
        long groups = x_BGTK.size(1);
        return groups == heads ? x_BGTK : x_BGTK.repeat_interleave(heads / groups, new LongOptional(1), new LongOptional());
    }

    private static Tensor attend(Tensor q, Tensor k, Tensor v, @Nullable Tensor visible, boolean causal) {
        return attend(q, k, v, visible, causal, 1 / Math.sqrt(q.size(3)));
    }

    /** @param mask bool, or added to the scores, or null */
    private static Tensor attend(Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, boolean causal, double scale) {
        // libtorch's flash kernel for bf16 on the CPU is an order of magnitude slower than plain operations; that it shall not be taken can be said for the whole process only.
        return q.is_cpu() && q.scalar_type().intern() == ScalarType.BFloat16
                ? plain(q, k, v, mask, causal, scale)
                : scaled_dot_product_attention(q, k, v, Tensors.optional(mask), 0.0, causal, new DoubleOptional(scale), false);
    }

    /** {@code softmax(scale q k^T + mask) v}; queries and keys take half of the scale each, so that scores stay small. */
    private static Tensor plain(Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, boolean causal, double scale) {
        Scalar half = new Scalar(Math.sqrt(scale));
        Tensor scores_BHLT = q.mul(half).matmul(k.transpose(-2, -1).mul(half));
        Tensor seen = causal ? torch.ones(new long[] {q.size(2), k.size(2)}, new TensorOptions(ScalarType.Bool)).tril() : mask;
        if (seen != null) {
            scores_BHLT = seen.scalar_type().intern() == ScalarType.Bool
                    ? scores_BHLT.masked_fill(seen.logical_not(), new Scalar(Double.NEGATIVE_INFINITY))
                    : scores_BHLT.add(seen);
        }
        return scores_BHLT.softmax(-1).matmul(v);
    }
}
