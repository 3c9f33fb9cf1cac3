package org.xomni.rl;

// Shapes: N ids of the row, M image tokens of all rollouts.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.xomni.autoregressive.SharedPrefix;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Tensors;

/**
 * A micro-batch of rollouts in one row: a prompt, then the images that were drawn after it but for their last tokens, which nothing follows; then the next prompt.
 *
 * @param ids_1N int64
 * @param stretches how the row is laid out
 * @param before_M int64, where in the row each token is predicted: at the token before it
 * @param codes_M int64, the tokens from 0, rollout by rollout
 * @param lengths tokens of each rollout
 * @param numerics says where the tensors lie
 */
@SuppressWarnings("ArrayRecordComponent") // read only
record RolloutTensors(Tensor ids_1N, List<SharedPrefix> stretches, Tensor before_M, Tensor codes_M, int[] lengths, Numerics numerics) {

    static RolloutTensors of(List<Rollout> rollouts, UnifiedConfig config, Numerics numerics) {
        List<SharedPrefix> stretches = new ArrayList<>();
        LongStream.Builder ids = LongStream.builder();
        LongStream.Builder before = LongStream.builder();
        int begin = 0;
        for (int from = 0, to; from < rollouts.size(); from = to) {
            Rollout first = rollouts.get(from);
            to = from + (int) rollouts.stream().skip(from).takeWhile(first::isOfGroup).count();
            SharedPrefix stretch = new SharedPrefix(first.prompt().length, to - from, first.length() - 1);
            Arrays.stream(first.prompt()).forEach(ids::add);
            for (int i = 0; i < to - from; i++) {
                int[] image = rollouts.get(from + i).image().ids();
                Arrays.stream(image, 0, stretch.length()).forEach(code -> ids.add(config.vocabSize() + code));
                before.add(begin + stretch.prefix() - 1);
                int own = begin + stretch.prefix() + i * stretch.length();
                IntStream.range(own, own + stretch.length()).forEach(before::add);
            }
            stretches.add(stretch);
            begin += stretch.size();
        }
        return new RolloutTensors(
                numerics.place(Tensors.of(ids.build().toArray(), 1, begin)),
                List.copyOf(stretches),
                place(before.build(), numerics),
                place(rollouts.stream().flatMapToInt(r -> Arrays.stream(r.image().ids())).asLongStream(), numerics),
                rollouts.stream().mapToInt(Rollout::length).toArray(),
                numerics);
    }

    private static Tensor place(LongStream values, Numerics numerics) {
        long[] all = values.toArray();
        return numerics.place(Tensors.of(all, all.length));
    }

    /** A value for each rollout, repeated over its tokens: fp32 [M]. */
    Tensor overTokens(double[] values) {
        float[] repeated = new float[Arrays.stream(lengths).sum()];
        int at = 0;
        for (int i = 0; i < lengths.length; i++) {
            Arrays.fill(repeated, at, at += lengths[i], (float) values[i]);
        }
        return numerics.place(Tensors.of(repeated, repeated.length));
    }
}
