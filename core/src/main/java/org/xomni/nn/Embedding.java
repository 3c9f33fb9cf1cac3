package org.xomni.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Parameters;

/**
 * A table of vectors by id.
 *
 * @param weight [count, D], in the type for weights
 * @param compute the type of the result
 */
public record Embedding(Tensor weight, ScalarType compute) {

    public static Embedding of(Parameters p, long count, long width) {
        return new Embedding(p.matrix("weight", count, width), p.numerics().computeType());
    }

    /** int64 ids [n] to [n, D]. */
    public Tensor forward(Tensor ids) {
        return weight.index_select(0, ids).to(compute);
    }
}
