package org.xomni.train;

import java.util.Collection;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Scope;

/**
 * Gradients of parameters in bf16 are summed in fp32: 8 significant bits would lose what the hundredth micro-batch of a step adds. Called after each {@code backward}, whose own sums are then
 * made in fp32, too.
 */
public final class Gradients {
    private Gradients() {}

    /** Holds the gradients that there are in fp32 from now on, until they are cleared. */
    public static void widen(Collection<Tensor> parameters) {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            parameters.forEach(Gradients::widen);
        }
    }

    private static void widen(Tensor parameter) {
        Tensor gradient = parameter.grad();
        if (gradient.defined() && gradient.scalar_type().intern() != ScalarType.Float) {
            parameter.mutable_grad().put(gradient.to(ScalarType.Float));
        }
    }

    /** Adds a gradient to that of a parameter, in fp32. */
    static void add(Tensor parameter, Tensor gradient) {
        widen(parameter);
        Tensor sum = parameter.grad();
        if (sum.defined()) {
            sum.add_(gradient);
        } else {
            parameter.mutable_grad().put(gradient.to(ScalarType.Float).clone());
        }
    }
}
