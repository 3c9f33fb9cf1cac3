package org.xomni.train;

import java.util.Map;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.ParameterStore;

/**
 * A model that a run holds.
 *
 * @param name what it is
 * @param parameters how many scalars
 * @param trained how many of them are trained
 * @param bytes that all weights take
 * @param mastered how many trained scalars are not fp32, so that the optimiser holds an fp32 copy
 */
public record Part(String name, long parameters, long trained, long bytes, long mastered) {

    /** All of it is trained. */
    public static Part trained(String name, ParameterStore store) {
        return of(name, store, parameter -> true);
    }

    /** Nothing of it is trained. */
    public static Part frozen(String name, ParameterStore store) {
        return of(name, store, parameter -> false);
    }

    /**
     * Counts what a store has handed out.
     *
     * @param isTrained by checkpoint name
     */
    public static Part of(String name, ParameterStore store, Predicate<String> isTrained) {
        Part sum = new Part(name, 0, 0, 0, 0);
        for (Map.Entry<String, Tensor> parameter : store.parameters().entrySet()) {
            sum = sum.plus(parameter.getValue(), isTrained.test(parameter.getKey()));
        }
        return sum;
    }

    private Part plus(Tensor tensor, boolean isTrained) {
        long count = tensor.numel();
        long size = count * tensor.element_size();
        boolean half = tensor.scalar_type().intern() != ScalarType.Float;
        return new Part(name, parameters + count, trained + (isTrained ? count : 0), bytes + size, mastered + (isTrained && half ? count : 0));
    }
}
