package org.xomni.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;

/**
 * The exponential moving average of weights, {@code a = decay a + (1 - decay) w} after each step; what is exported. Early on the decay is lower,
 * {@code (1 + t) / (10 + t)}, so that the first weights are soon forgotten.
 */
public final class Average implements AutoCloseable {
    private final double decay;
    private final Map<String, Tensor> weights;
    private final Map<String, Tensor> averages = new LinkedHashMap<>();

    /**
     * Begins at the weights as they are.
     *
     * @param weights fp32, by name; read after each step
     * @param decay from 0, with which the averages are the weights themselves, to below 1
     */
    public Average(Map<String, Tensor> weights, double decay) {
        if (!(decay >= 0 && decay < 1)) {
            throw new InputException("ema is " + decay + ", expected a number from 0 and below 1, such as 0.998");
        }
        this.weights = weights;
        this.decay = decay;
        if (decay == 0) {
            averages.putAll(weights);
            return;
        }
        weights.forEach((name, weight) -> {
            try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
                Tensor average = weight.detach().clone();
                average.retainReference();
                averages.put(name, average);
            }
        });
    }

    /** Takes the weights in after a step, counted from 0. */
    public void update(long step) {
        if (decay == 0) {
            return;
        }
        double now = Math.min(decay, (1.0 + step) / (10.0 + step));
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            averages.forEach((name, average) -> average.lerp_(weights.get(name), new Scalar(1 - now)));
        }
    }

    /** What a resumed run needs beside the weights: tensors by name, filled in place on resuming. */
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        if (decay > 0) {
            averages.forEach((name, average) -> state.put("average/" + name, average));
        }
        return state;
    }

    /** The averages by name, fp32. */
    public Map<String, Tensor> averages() {
        return averages;
    }

    @Override
    public void close() {
        if (decay > 0) {
            averages.values().forEach(Tensor::releaseReference);
        }
        averages.clear();
    }
}
