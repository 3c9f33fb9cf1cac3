package org.xomni.tensor;

import org.bytedeco.pytorch.Tensor;

/** Makes the first value of a parameter that no checkpoint has. */
@FunctionalInterface
public interface Initializer {

    /**
     * The value.
     *
     * @param name the parameter's checkpoint name, from the root of its store
     * @param shape of the parameter
     * @return fp32 on the CPU, of that shape
     */
    Tensor make(String name, long... shape);
}
