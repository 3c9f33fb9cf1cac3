package org.xomni.autoregressive;

import org.bytedeco.pytorch.Tensor;
import org.xomni.nn.Attention;

/** What the positions of a forward pass attend to: only each other, or also what a cache remembers. */
@FunctionalInterface
public interface AttentionContext {

    /**
     * Attends, and remembers keys and values where there is a cache.
     *
     * @param q_BHLK rotated queries
     * @param k_BGLK rotated keys of the same positions
     * @param v_BGLK values of the same positions
     * @return [B, H, L, K]
     */
    Tensor attend(int layer, Tensor q_BHLK, Tensor k_BGLK, Tensor v_BGLK);

    /** Whole sequences, each from its first position: the form for training and scoring. */
    static AttentionContext wholeSequences() {
        return (layer, q, k, v) -> Attention.causal(q, k, v);
    }
}
