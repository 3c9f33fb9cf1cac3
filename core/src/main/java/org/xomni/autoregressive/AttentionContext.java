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

    /**
     * Rows in which several documents stand one after the other: each position sees its own document up to itself.
     *
     * @param documents_BL int64, a number for each document of a row
     */
    static AttentionContext packed(Tensor documents_BL) {
        Tensor same_BLL = documents_BL.unsqueeze(2).eq(documents_BL.unsqueeze(1));
        Tensor visible_B1LL = same_BLL.tril().unsqueeze(1);
        return (layer, q, k, v) -> Attention.visible(q, k, v, visible_B1LL);
    }
}
