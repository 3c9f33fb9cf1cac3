package org.xomni.train;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.ParameterStore;

/**
 * Parameters that are trained alike.
 *
 * @param parameters by name; the names are those of the optimiser's state, so they are unique within a stage
 * @param learningRate a factor on the schedule's learning rate
 */
public record ParameterGroup(Map<String, Tensor> parameters, double learningRate) {

    /** All parameters of a component, named {@code component/NAME}. */
    public static ParameterGroup all(String component, ParameterStore store) {
        return of(component, store, name -> true, 1);
    }

    /** The parameters of a component whose checkpoint name fits. */
    public static ParameterGroup of(String component, ParameterStore store, Predicate<String> trained, double learningRate) {
        return of(component, store.parameters(), trained, learningRate);
    }

    /** Of parameters by checkpoint name those whose name fits. */
    static ParameterGroup of(String component, Map<String, Tensor> all, Predicate<String> trained, double learningRate) {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        all.forEach((name, parameter) -> {
            if (trained.test(name)) {
                parameters.put(component + "/" + name, parameter);
            }
        });
        return new ParameterGroup(parameters, learningRate);
    }
}
