package org.xomni.tensor;

import java.util.Set;

/**
 * Which linear layers get a low-rank adapter (LoRA, Hu et al. 2021, arXiv 2106.09685): {@code W + alpha / rank * B A}, where only A and B are trained.
 *
 * @param rank rows of A and columns of B
 * @param alpha strength
 * @param targets names of layers, as the last part of their checkpoint names before {@code .weight}: {@code q_proj}
 */
public record LowRank(int rank, double alpha, Set<String> targets) {
    /** Layers of the unified model that can have one. */
    public static final Set<String> LAYERS =
            Set.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head", "mm_head");

    /** Names of A, [rank, in], and of B, [out, rank], beside the layer's {@code weight}. */
    public static final String A = "lora_A.weight";

    /** See {@link #A}. */
    public static final String B = "lora_B.weight";

    public LowRank {
        targets = Set.copyOf(targets);
        if (rank < 1 || !(alpha > 0) || targets.isEmpty() || !LAYERS.containsAll(targets)) {
            throw new InputException("adapters of rank " + rank + " and alpha " + alpha + " on " + targets
                    + " cannot be made; use a rank of at least 1, alpha above 0, and some of " + LAYERS.stream().sorted().toList());
        }
    }

    /** What B A is multiplied by. */
    public double scale() {
        return alpha / rank;
    }

    /** Whether a parameter of this name belongs to an adapter. */
    public static boolean isAdapter(String name) {
        return name.endsWith(A) || name.endsWith(B);
    }
}
