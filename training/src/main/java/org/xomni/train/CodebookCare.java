package org.xomni.train;

// Shapes: N features, C code dimension, K codes.

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.data.Seeds;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * Keeps codes where features are, by other means than gradients: the codebook begins spread over the features seen, and a code that nothing has
 * chosen for a while starts anew. An addition to the paper, for training from nothing.
 */
final class CodebookCare implements AutoCloseable {
    /** Steps after which the metric no longer counts a code as in use. */
    private static final int OUT_OF_USE = 200;
    /** Of the features of a batch, at most one in so many takes a code at a step; and never more codes than that. */
    private static final int FEATURES_FOR_A_RESTART = 16;

    private static final int MOST_RESTARTS = 32;

    private final Tensor codebook_KC;
    private final long seed;
    /** For each code, how many steps ago it was chosen; fp32 [K]. */
    private final Tensor unused_K;
    /** Features of the last batch and how far they are from their codes. */
    private @Nullable Tensor features_NC;
    private @Nullable Tensor distances_N;

    /** @param codebook_KC written to */
    CodebookCare(Tensor codebook_KC, long seed) {
        this.codebook_KC = codebook_KC;
        this.seed = seed;
        this.unused_K = Scope.only(() -> torch.zeros(new long[] {codebook_KC.size(0)}, codebook_KC.options()));
    }

    /** What a resumed run needs: steps since each code was chosen. */
    Tensor unused() {
        return unused_K;
    }

    /** How many codes were chosen in the last steps; scalar. */
    Tensor inUse() {
        return unused_K.lt(new Scalar(OUT_OF_USE)).sum();
    }

    /** Takes in what a micro-batch chose. */
    void chosen(Tensor z_NC, IbqLoss ibq) {
        forget();
        try (Scope scope = Scope.frozen()) {
            features_NC = z_NC.detach().clone();
            features_NC.retainReference();
            distances_N = ibq.distances().clone();
            distances_N.retainReference();
            unused_K.index_fill_(0, ibq.codes(), new Scalar(-1));
        }
    }

    /** Ends a step: what none of its micro-batches chose is unused for one step more. */
    void stepped() {
        try (Scope scope = Scope.frozen()) {
            unused_K.add_(new Scalar(1));
        }
    }

    /** Puts the codes where the features are: each next code at the feature that is farthest from all codes so far. */
    void spread(Tensor z_NC) {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            Tensor nearness_N = torch.full(new long[] {z_NC.size(0)}, new Scalar(-2.0), z_NC.options());
            long chosen = 0;
            for (int k = 0; k < codebook_KC.size(0); k++) {
                try (Scope round = Scope.plain()) {
                    Tensor code_C = z_NC.select(0, chosen);
                    codebook_KC.select(0, k).copy_(code_C);
                    nearness_N.copy_(torch.maximum(nearness_N, z_NC.mv(code_C)));
                    chosen = nearness_N.argmin().item_long();
                }
            }
        }
    }

    /**
     * Moves codes that nothing has chosen to the features of the last batch that are farthest from their codes, each to another one.
     *
     * @param after steps without use
     */
    void restart(long step, long after) {
        if (features_NC == null || distances_N == null) {
            return;
        }
        List<Integer> dead = new ArrayList<>();
        float[] unused = Tensors.floats(unused_K);
        for (int k = 0; k < unused.length; k++) {
            if (unused[k] >= after) {
                dead.add(k);
            }
        }
        long count = Math.min(Math.min(dead.size(), MOST_RESTARTS), features_NC.size(0) / FEATURES_FOR_A_RESTART);
        if (count == 0) {
            return;
        }
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, 2));
            for (int farthest : Tensors.ints(distances_N.topk(count).get1())) {
                int k = dead.remove(random.nextInt(dead.size()));
                codebook_KC.select(0, k).copy_(features_NC.select(0, farthest));
                unused_K.narrow(0, k, 1).zero_();
            }
        }
    }

    private void forget() {
        if (features_NC != null) {
            features_NC.releaseReference();
            features_NC = null;
        }
        if (distances_N != null) {
            distances_N.releaseReference();
            distances_N = null;
        }
    }

    @Override
    public void close() {
        forget();
        unused_K.releaseReference();
    }
}
