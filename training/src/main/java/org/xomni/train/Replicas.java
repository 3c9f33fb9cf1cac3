package org.xomni.train;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;

/**
 * A unified model for each of several workers that train it together. The first is the model itself; the others read the same weights in memory and have
 * gradients of their own, which {@link #gather} adds to those of the first, in order, so that the same number of workers gives the same bits.
 */
public final class Replicas implements AutoCloseable {
    private final List<UnifiedModel> models;

    /**
     * @param model whose parameters an optimiser has taken over; it stays the caller's and is closed last
     * @param workers make them, so that no scope of the caller's ends them
     */
    public Replicas(UnifiedModel model, Workers workers) {
        this.models = workers.each(i -> i == 0 ? model : UnifiedModel.of(model.config(), ParameterStore.sharing(model.store())));
    }

    /** The model of a worker, from 0. */
    public UnifiedModel of(int worker) {
        return models.get(worker);
    }

    /** Adds what follows to the gradients of a worker's model in fp32. */
    public void widen(int worker) {
        Gradients.widen(of(worker).store().parameters().values());
    }

    /** Adds all gradients to those of the first model, in fp32, and clears the others. */
    public void gather() {
        try (Scope scope = Scope.frozen()) {
            for (UnifiedModel replica : replicas()) {
                replica.store().parameters().forEach((name, parameter) -> {
                    Tensor gradient = parameter.grad();
                    if (gradient.defined()) {
                        Gradients.add(requireNonNull(models.getFirst().store().parameters().get(name)), gradient);
                        parameter.mutable_grad().reset();
                    }
                });
            }
        }
    }

    private List<UnifiedModel> replicas() {
        return models.subList(1, models.size());
    }

    @Override
    public void close() {
        replicas().forEach(UnifiedModel::close);
    }
}
