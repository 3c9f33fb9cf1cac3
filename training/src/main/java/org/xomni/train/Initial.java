package org.xomni.train;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Tensors;

/** First values of weights. Each parameter has a random stream of its own, from the seed and its name. */
public final class Initial {
    private Initial() {}

    /**
     * Norms 1, biases 0; matrices and convolutions normal with {@code std}, or by fan-in where that is 0.
     *
     * @param std for example 0.02, or 0 for {@code sqrt(1 / fan-in)}
     */
    public static Initializer normal(long seed, double std) {
        return scaled(seed, std, (name, fanIn) -> 1);
    }

    /** For a transformer in Qwen2's names: 0.02, and residual branches end small, so that their sum does not grow with depth (GPT-2). */
    public static Initializer transformer(long seed, int layers) {
        double residual = 1 / Math.sqrt(2.0 * layers);
        return scaled(seed, 0.02, (name, fanIn) -> name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight") ? residual : 1);
    }

    /** A factor on the standard deviation. */
    @FunctionalInterface
    public interface Gain {
        double of(String name, long fanIn);
    }

    /** As {@link #normal}, with a factor by name; factor 0 gives zeros. */
    public static Initializer scaled(long seed, double std, Gain gain) {
        return (name, shape) -> {
            TensorOptions fp32 = new TensorOptions(ScalarType.Float);
            if (shape.length < 2) {
                return name.endsWith("weight") ? torch.ones(shape, fp32) : torch.zeros(shape, fp32);
            }
            long fanIn = 1;
            for (int i = 1; i < shape.length; i++) {
                fanIn *= shape[i];
            }
            double deviation = (std > 0 ? std : Math.sqrt(1.0 / fanIn)) * gain.of(name, fanIn);
            if (deviation == 0) {
                return torch.zeros(shape, fp32);
            }
            try (Randomness randomness = new Randomness(seed * 0x9E3779B97F4A7C15L ^ name.hashCode() * 0xBF58476D1CE4E5B9L)) {
                return Tensors.normal(randomness, shape).mul_(new Scalar(deviation));
            }
        };
    }
}
