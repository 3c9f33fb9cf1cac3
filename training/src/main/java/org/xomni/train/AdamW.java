package org.xomni.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;

/**
 * AdamW (Loshchilov and Hutter 2019) with gradient clipping by global norm. It owns an fp32 master of every parameter and writes to the parameter,
 * whatever its type, after each step; of an fp32 parameter the master is the parameter itself.
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
 * w = w - lr (decay w + (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps))
 * </pre>
 *
 * Only matrices and larger decay; biases, norms and single vectors do not.
 */
public final class AdamW implements AutoCloseable {
    private static final double NORM_EPS = 1e-6;

    /**
     * The constants.
     *
     * @param betas of the two running means
     * @param eps added to the root
     * @param weightDecay a fraction of the weight for each unit of learning rate
     * @param clip the largest global norm of the gradient; 0 for no clipping
     */
    public record Settings(List<Double> betas, double eps, double weightDecay, double clip) {
        public static final Settings DEFAULT = new Settings(List.of(0.9, 0.98), 1e-8, 0, 1);

        public Settings {
            betas = List.copyOf(betas);
            if (betas.size() != 2 || !betas.stream().allMatch(b -> b >= 0 && b < 1)) {
                throw new InputException("betas are " + betas + ", expected two numbers from 0 and below 1, such as [0.9, 0.98]");
            }
            if (!(eps > 0) || !(weightDecay >= 0) || !(clip >= 0)) {
                throw new InputException("eps " + eps + " must be above 0, weight-decay " + weightDecay + " and clip " + clip + " at least 0");
            }
        }
    }

    private record Slot(String name, double learningRate, boolean decays, Tensor parameter, Tensor master, Tensor mean, Tensor square) {}

    private final Settings settings;
    private final List<Slot> slots = new ArrayList<>();
    private long steps;

    /** Takes over the parameters: from now on they record gradients. */
    public AdamW(List<ParameterGroup> groups, Settings settings) {
        this.settings = settings;
        for (ParameterGroup group : groups) {
            group.parameters().forEach((name, parameter) -> slots.add(slot(name, group.learningRate(), parameter)));
        }
        if (slots.isEmpty()) {
            throw new InputException("no parameter is trained; name at least one in the recipe");
        }
    }

    private static Slot slot(String name, double learningRate, Tensor parameter) {
        try (Scope scope = Scope.plain()) {
            boolean single = parameter.scalar_type().intern() == ScalarType.Float;
            Tensor master = single ? parameter.detach() : parameter.detach().to(ScalarType.Float);
            Tensor mean = torch.zeros_like(master);
            Tensor square = torch.zeros_like(master);
            for (Tensor owned : List.of(master, mean, square)) {
                owned.retainReference();
            }
            Tensor unused = parameter.requires_grad_(true);
            return new Slot(name, learningRate, parameter.dim() >= 2, parameter, master, mean, square);
        }
    }

    /** How many scalar parameters are trained. */
    public long count() {
        return slots.stream().mapToLong(s -> s.parameter().numel()).sum();
    }

    /** The fp32 masters by name. */
    public Map<String, Tensor> masters() {
        Map<String, Tensor> masters = new LinkedHashMap<>();
        slots.forEach(s -> masters.put(s.name(), s.master()));
        return masters;
    }

    /** Adds what follows to the gradients in fp32: to be called after the {@code backward} of each micro-batch. */
    void widenGradients() {
        Gradients.widen(slots.stream().map(Slot::parameter).toList());
    }

    /**
     * The global norm of the gradients that {@code backward} has left. Parameters that took no part in the loss count as zero.
     *
     * @return the L2 norm over all parameters, before clipping
     */
    public double gradientNorm() {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            TensorVector norms = new TensorVector();
            for (Slot slot : slots) {
                Tensor gradient = slot.parameter().grad();
                if (gradient.defined()) {
                    norms.push_back(gradient.to(ScalarType.Float).norm());
                }
            }
            return norms.empty() ? 0 : torch.stack(norms).norm().item_float();
        }
    }

    /**
     * One step along the gradients, which are cleared.
     *
     * @param learningRate at this step
     * @param norm the gradients' global norm
     */
    public void step(double learningRate, double norm) {
        steps++;
        double clip = settings.clip() > 0 ? Math.min(1, settings.clip() / (norm + NORM_EPS)) : 1;
        double beta1 = settings.betas().get(0);
        double beta2 = settings.betas().get(1);
        double correction1 = 1 - Math.pow(beta1, steps);
        double correction2 = 1 - Math.pow(beta2, steps);
        for (Slot slot : slots) {
            try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
                Tensor gradient = slot.parameter().grad();
                if (!gradient.defined()) {
                    continue;
                }
                double rate = learningRate * slot.learningRate();
                Tensor g = gradient.to(ScalarType.Float).mul(new Scalar(clip));
                Tensor w = slot.master();
                if (slot.decays() && settings.weightDecay() > 0) {
                    w.mul_(new Scalar(1 - rate * settings.weightDecay()));
                }
                slot.mean().mul_(new Scalar(beta1)).add_(g, new Scalar(1 - beta1));
                slot.square().mul_(new Scalar(beta2)).addcmul_(g, g, new Scalar(1 - beta2));
                Tensor root = slot.square().sqrt().div_(new Scalar(Math.sqrt(correction2))).add_(new Scalar(settings.eps()));
                w.addcdiv_(slot.mean(), root, new Scalar(-rate / correction1));
                publish(slot);
                // Not zero: a parameter that takes no part in the next step is left alone then, whether it did before or not.
                slot.parameter().mutable_grad().reset();
            }
        }
    }

    private static void publish(Slot slot) {
        if (slot.parameter().scalar_type().intern() != ScalarType.Float) {
            slot.parameter().detach().copy_(slot.master());
        }
    }

    /** The derivative of the loss by the logarithm of a parameter's scale, by what {@code backward} has left: the sum of w dL/dw. */
    public double scaleGradient(String name) {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            Tensor gradient = slot(name).parameter().grad();
            return gradient.defined() ? gradient.to(ScalarType.Float).mul(slot(name).master()).sum().item_float() : 0;
        }
    }

    private Slot slot(String name) {
        return slots.stream().filter(s -> s.name().equals(name)).findFirst().orElseThrow();
    }

    /** Changes a weight by other means than gradients: {@code change} works on its fp32 master in place. */
    public void change(String name, Consumer<Tensor> change) {
        Slot slot = slot(name);
        try (NoGradGuard guard = new NoGradGuard()) {
            change.accept(slot.master());
            publish(slot);
        }
    }

    /** All that a later run needs to go on exactly: tensors by name. */
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        for (Slot slot : slots) {
            state.put("weight/" + slot.name(), slot.master());
            state.put("mean/" + slot.name(), slot.mean());
            state.put("square/" + slot.name(), slot.square());
        }
        return state;
    }

    /** Goes on after {@code steps} steps, when {@link #state} has been filled with the values of that time. */
    public void resume(long steps) {
        this.steps = steps;
        try (NoGradGuard guard = new NoGradGuard()) {
            slots.forEach(AdamW::publish);
        }
    }

    /** Frees what it owns; the parameters stay with their store. */
    @Override
    public void close() {
        for (Slot slot : slots) {
            slot.master().releaseReference();
            slot.mean().releaseReference();
            slot.square().releaseReference();
        }
        slots.clear();
    }
}
