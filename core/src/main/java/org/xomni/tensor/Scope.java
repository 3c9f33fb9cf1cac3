package org.xomni.tensor;

import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The lifetime of native tensors: those made on this thread while a scope is open are freed when it closes. Without one they live until
 * the garbage collector finds their small Java wrappers, which under load is never.
 *
 * <p>Rules: one scope for each generation step, layer loop or training step; model weights are made outside of all scopes ({@link Parameters}
 * sees to that); a result leaves its scope by {@link #keep} only. Scopes belong to the thread that opened them.
 */
public final class Scope implements AutoCloseable {
    private final @Nullable PointerScope parent;
    private final PointerScope pointers;
    /** Ends what the scope does to gradients. */
    private final Runnable ending;

    private Scope(Supplier<Runnable> beginning) {
        Engine.start();
        this.parent = PointerScope.getInnerScope();
        this.pointers = new PointerScope();
        this.ending = beginning.get();
    }

    /** A scope in which operations record no gradients, and whose tensors can never take part in training. */
    public static Scope inference() {
        return new Scope(() -> new InferenceMode(true)::close);
    }

    /** A scope in which operations record no gradients, for the frozen parts of what is trained: its results may take part in training. */
    public static Scope frozen() {
        return new Scope(() -> new NoGradGuard()::close);
    }

    /** A scope that leaves gradient recording as it is. */
    public static Scope plain() {
        return new Scope(() -> () -> {});
    }

    /** Computes in a scope of its own: of the tensors made on the way only the result stays, handed on as by {@link #keep}. */
    public static Tensor only(Supplier<Tensor> computation) {
        try (Scope scope = plain()) {
            return scope.keep(computation.get());
        }
    }

    /**
     * One link of a chain of layers: {@code layer(x)}, after which neither {@code x} nor anything made on the way takes memory. (Where
     * gradients are recorded the graph holds what it needs.)
     *
     * @param x a tensor of the caller's own making, freed here
     * @param layer gives a new tensor, never {@code x} itself
     */
    public static Tensor next(Tensor x, UnaryOperator<Tensor> layer) {
        Tensor y = only(() -> layer.apply(x));
        x.close();
        return y;
    }

    /** Hands a tensor to the enclosing scope, or, where there is none, to the caller, who then closes it. */
    public Tensor keep(Tensor tensor) {
        if (parent != null) {
            parent.attach(tensor);
        } else {
            tensor.retainReference();
        }
        return tensor;
    }

    @Override
    public void close() {
        ending.run();
        pointers.close();
    }
}
