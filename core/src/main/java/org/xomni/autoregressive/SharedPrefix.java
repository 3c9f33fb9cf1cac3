package org.xomni.autoregressive;

// Shapes: H heads, K head width, N positions of a row, C continuations, P ids of a prefix, L ids of a continuation.

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.xomni.nn.Attention;

/**
 * Sequences that begin alike, such as the rollouts of a prompt, in a stretch of a row: what they share stands once, {@code prefix} ids, then come what they go on
 * with, {@code continuations} times {@code length} ids. Each continuation sees the prefix and itself.
 *
 * @param prefix at least 1
 * @param continuations from 0
 * @param length of each continuation, from 0
 */
public record SharedPrefix(int prefix, int continuations, int length) {

    public SharedPrefix {
        if (prefix < 1 || continuations < 0 || length < 0) {
            throw new IllegalArgumentException("a prefix of " + prefix + " ids with " + continuations + " continuations of " + length);
        }
    }

    /** Ids of the stretch. */
    public int size() {
        return prefix + continuations * length;
    }

    /** Where each id stands in its sequence. */
    private LongStream positions() {
        return LongStream.concat(
                LongStream.range(0, prefix),
                IntStream.range(0, continuations).boxed().flatMapToLong(c -> LongStream.range(prefix, prefix + length)));
    }

    /** Where each id of a row of stretches stands in its sequence. */
    static long[] positions(List<SharedPrefix> stretches) {
        return stretches.stream().flatMapToLong(SharedPrefix::positions).toArray();
    }

    /** Attention in a row of stretches. */
    static AttentionContext attention(List<SharedPrefix> stretches) {
        return (layer, q_1HNK, k_1GNK, v_1GNK) -> {
            List<Tensor> attended = new ArrayList<>();
            long from = 0;
            for (SharedPrefix stretch : stretches) {
                attended.addAll(stretch.attend(stretch.of(q_1HNK, from), stretch.of(k_1GNK, from), stretch.of(v_1GNK, from)));
                from += stretch.size();
            }
            return torch.cat(new TensorVector(attended.toArray(Tensor[]::new)), 2);
        };
    }

    /** The stretch that begins at a position. */
    private Tensor of(Tensor x_1HNK, long from) {
        return x_1HNK.narrow(2, from, size());
    }

    /** What the prefix attends to, then what the continuations do. */
    private List<Tensor> attend(Tensor q, Tensor k, Tensor v) {
        Tensor prefixes = Attention.causal(first(q), first(k), first(v));
        if (continuations == 0 || length == 0) {
            return List.of(prefixes);
        }
        Tensor attended_CHLK = Attention.causal(rest(q), whole(k), whole(v));
        return List.of(prefixes, attended_CHLK.transpose(0, 1).reshape(1, q.size(1), (long) continuations * length, q.size(3)));
    }

    private Tensor first(Tensor x) {
        return x.narrow(2, 0, prefix);
    }

    /** [C, H, L, K] */
    private Tensor rest(Tensor x) {
        return x.narrow(2, prefix, (long) continuations * length).reshape(x.size(1), continuations, length, x.size(3)).transpose(0, 1);
    }

    /** Whole sequences: [C, H, P+L, K] */
    private Tensor whole(Tensor x) {
        return torch.cat(new TensorVector(first(x).expand(continuations, x.size(1), prefix, x.size(3)), rest(x)), 2);
    }
}
