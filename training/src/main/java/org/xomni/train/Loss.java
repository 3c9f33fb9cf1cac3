package org.xomni.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * What a stage makes of one batch.
 *
 * @param total a scalar
 * @param share of the step's loss that it is, 0 to 1: {@code share total} is what is differentiated
 * @param parts scalars to be logged, by name
 * @param samples in the batch
 * @param tokens in the batch
 */
public record Loss(Tensor total, double share, Map<String, Tensor> parts, long samples, long tokens) {
    public Loss {
        parts = new LinkedHashMap<>(parts);
    }

    /** Adds the gradients of its share. */
    Loss backward() {
        total.mul(new Scalar(share)).backward();
        return this;
    }
}
