package org.xomni.decoder;

import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.CheckpointException;

/**
 * What steers the diffusion transformer, besides the noisy latents: the semantic tokens, and in one family of checkpoints also the prompt.
 */
public sealed interface Conditioning {

    /** Token features [B, L, T], one for each image position; zeros for none. */
    Tensor tokens();

    /**
     * X-Omni En.
     *
     * @param tokens [B, L, T]
     * @param text the prompt's vectors [B, S, J], from T5
     * @param pooled the pooled prompt [B, P], from CLIP
     */
    record TextAndTokens(Tensor tokens, Tensor text, Tensor pooled) implements Conditioning {}

    /**
     * X-Omni Zh.
     *
     * @param tokens [B, L, T]
     */
    record TokensOnly(Tensor tokens) implements Conditioning {}

    /** Which conditioning a transformer was trained for. */
    enum Kind {
        TEXT_AND_TOKENS,
        TOKENS_ONLY;

        /**
         * Tells from the names of a checkpoint's parameters: a transformer without a prompt has learned a vector in its place, {@code
         * pooled_embeds}; one with a prompt has projections for it, {@code add_q_proj}.
         *
         * @throws CheckpointException if the checkpoint has neither
         */
        public static Kind of(Set<String> names) {
            if (names.contains("pooled_embeds")) {
                return TOKENS_ONLY;
            }
            if (names.contains("transformer_blocks.0.attn.add_q_proj.weight")) {
                return TEXT_AND_TOKENS;
            }
            throw new CheckpointException("the diffusion transformer has neither pooled_embeds (conditioned on tokens only) nor "
                    + "transformer_blocks.0.attn.add_q_proj.weight (on text and tokens); restore its weights from the original checkpoint");
        }
    }
}
