package org.xomni.tensor;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.global.torch;

/** One request's random numbers: a seeded libtorch CPU generator (mt19937), the same stream as {@code torch.manual_seed} gives in Python. */
public final class Randomness implements AutoCloseable {
    private final Generator generator;

    /** A generator at the start of the stream of {@code seed}. */
    public Randomness(long seed) {
        Engine.start();
        this.generator = torch.make_generator_cpu(seed);
        this.generator.retainReference();
    }

    /** libtorch's generator; drawing from it advances this stream. */
    public Generator generator() {
        return generator;
    }

    /** Starts the stream of {@code seed} over. */
    public void seed(long seed) {
        generator.set_current_seed(seed);
    }

    @Override
    public void close() {
        generator.releaseReference();
    }
}
