package org.xomni.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * What a stage makes of one batch.
 *
 * @param total the scalar to be differentiated
 * @param parts scalars to be logged, by name
 * @param samples in the batch
 * @param tokens in the batch
 */
public record Loss(Tensor total, Map<String, Tensor> parts, long samples, long tokens) {
    public Loss {
        parts = new LinkedHashMap<>(parts);
    }

    /**
     * Adds the gradients of its share of the mean over micro-batches.
     *
     * @param accumulate micro-batches of a step
     * @return the share
     */
    Loss backward(int accumulate) {
        Tensor share = total.div(new Scalar((double) accumulate));
        share.backward();
        return new Loss(share, parts, samples, tokens);
    }
}
