package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.xomni.nn.Attention;
import org.xomni.nn.Linear;
import org.xomni.nn.RmsNorm;
import org.xomni.tensor.Parameters;

/**
 * The projections of one stream into attention; queries and keys are normalised over K.
 *
 * @param count H
 */
record Heads(long count, Linear q, Linear k, Linear v, RmsNorm normQ, RmsNorm normK) {
    private static final double EPS = 1e-6;

    /** Queries, keys and values, each [B, H, L, K]. */
    record Projected(Tensor q, Tensor k, Tensor v) {

        /** This sequence followed by another. */
        Projected then(Projected next) {
            return new Projected(
                    cat(new TensorVector(q, next.q), 2), cat(new TensorVector(k, next.k), 2), cat(new TensorVector(v, next.v), 2));
        }

        /** What each position gathers from all positions, [B, L, D]. */
        Tensor attend(AxialRope rope) {
            return Attention.merge(Attention.full(rope.turn(q), rope.turn(k), v));
        }
    }

    /** The stream of the image, or the only one. */
    static Heads of(Parameters p, DecoderConfig c) {
        return of(p, c, "to_q", "to_k", "to_v", "norm_q", "norm_k");
    }

    /** The stream of the text. */
    static Heads ofText(Parameters p, DecoderConfig c) {
        return of(p, c, "add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k");
    }

    private static Heads of(Parameters p, DecoderConfig c, String q, String k, String v, String normQ, String normK) {
        long width = c.width();
        return new Heads(
                c.numAttentionHeads(),
                Linear.of(p.at(q), width, width),
                Linear.of(p.at(k), width, width),
                Linear.of(p.at(v), width, width),
                RmsNorm.of(p.at(normQ), c.attentionHeadDim(), EPS),
                RmsNorm.of(p.at(normK), c.attentionHeadDim(), EPS));
    }

    Projected project(Tensor x_BLD) {
        return new Projected(
                normQ.forward(Attention.heads(q.forward(x_BLD), count)),
                normK.forward(Attention.heads(k.forward(x_BLD), count)),
                Attention.heads(v.forward(x_BLD), count));
    }
}
