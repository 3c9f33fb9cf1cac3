package org.xomni.tensor;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A place in a component's name space of parameters. Module factories walk it with {@link #at} and ask for what they need, so that each
 * checkpoint name stands in the code once.
 */
public final class Parameters {
    private final ParameterStore store;
    private final String prefix;

    Parameters(ParameterStore store, String prefix) {
        this.store = store;
        this.prefix = prefix;
    }

    /** The place {@code name} below this one. */
    public Parameters at(String name) {
        return new Parameters(store, prefix + name + ".");
    }

    /** The {@code index}-th place of the list {@code name}. */
    public Parameters at(String name, int index) {
        return at(name + "." + index);
    }

    /** Where and in which precision the component computes. */
    public Numerics numerics() {
        return store.numerics();
    }

    /** The adapter that the linear layer at this place gets, or null. */
    public @Nullable LowRank lowRank() {
        LowRank lowRank = store.lowRank();
        String name = prefix.substring(prefix.lastIndexOf('.', prefix.length() - 2) + 1, Math.max(0, prefix.length() - 1));
        return lowRank != null && lowRank.targets().contains(name) ? lowRank : null;
    }

    /** Whether the checkpoint has this parameter; fresh weights have every one. */
    public boolean has(String name) {
        return store.has(prefix + name);
    }

    /** A matrix, held in the type for weights. */
    public Tensor matrix(String name, long... shape) {
        return store.get(prefix + name, store.numerics().weights(), shape);
    }

    /** A parameter held in the type for activations: biases, norms, convolutions. */
    public Tensor tensor(String name, long... shape) {
        return store.get(prefix + name, store.numerics().compute(), shape);
    }

    /** A parameter held in fp32 whatever the numerics: what is compared rather than multiplied. */
    public Tensor exact(String name, long... shape) {
        return store.get(prefix + name, DType.FLOAT32, shape);
    }

    /** Says that the checkpoint may have this parameter and that the model does not use it. */
    public void ignore(String name) {
        store.ignore(prefix + name);
    }

    /** A tensor computed from parameters that lives as long as the model. */
    public Tensor derive(Supplier<Tensor> computation) {
        return store.derive(computation);
    }

    /** Frees a parameter whose derived form is used instead. */
    public void release(String name) {
        store.release(prefix + name);
    }
}
