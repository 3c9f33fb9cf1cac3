package org.xomni.tensor;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A model that is loaded on first use and may be released in between, so that models that do not fit together take turns. */
public final class Lazy<T extends AutoCloseable> implements AutoCloseable {
    private final Supplier<T> load;
    private @Nullable T loaded;

    public Lazy(Supplier<T> load) {
        this.load = load;
    }

    public synchronized T get() {
        T value = loaded;
        if (value == null) {
            value = load.get();
            loaded = value;
        }
        return value;
    }

    public synchronized boolean isLoaded() {
        return loaded != null;
    }

    /** Releases the model; the next use loads it again. */
    @Override
    public synchronized void close() {
        T value = loaded;
        loaded = null;
        if (value != null) {
            try {
                value.close();
            } catch (Exception e) {
                throw new IllegalStateException("a model did not close", e);
            }
        }
    }
}
