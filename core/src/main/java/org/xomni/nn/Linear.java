package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.linear;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** {@code y = x W^T + b}. How W is held is nobody's business but this package's. */
public sealed interface Linear {

    /** [..., in] to [..., out]. */
    Tensor forward(Tensor x);

    /** The layer with a bias, {@code weight [out, in]} and {@code bias [out]}. */
    static Linear of(Parameters p, long in, long out) {
        return of(p, in, out, true);
    }

    /** The layer, {@code weight [out, in]} and, where {@code bias}, {@code bias [out]}. */
    static Linear of(Parameters p, long in, long out, boolean bias) {
        Tensor weight = p.matrix("weight", out, in);
        Tensor b = bias ? p.tensor("bias", out) : null;
        if (p.numerics().quantization() == Quantization.INT8 && !weight.is_meta()) {
            Int8 quantised = Int8.of(p, weight, b);
            p.release("weight");
            return quantised;
        }
        return new Dense(weight, b);
    }

    /** The part of the layer that computes the first {@code rows} outputs; shares its memory. */
    Linear firstRows(long rows);

    /**
     * W as it is.
     *
     * @param weight [out, in], in the type for weights
     * @param bias [out] or null, in the type for activations
     */
    record Dense(Tensor weight, @Nullable Tensor bias) implements Linear {
        @Override
        public Tensor forward(Tensor x) {
            return linear(x, weight.to(x.scalar_type()), Tensors.optional(bias));
        }

        @Override
        public Linear firstRows(long rows) {
            return new Dense(weight.narrow(0, 0, rows), bias == null ? null : bias.narrow(0, 0, rows));
        }
    }

    /**
     * Weight-only int8: {@code W ~ scale * quantised}, one scale for each output.
     *
     * @param quantised [out, in] int8 in -127..127
     * @param scale [out, 1] fp32
     * @param bias [out] or null
     */
    record Int8(Tensor quantised, Tensor scale, @Nullable Tensor bias) implements Linear {

        static Int8 of(Parameters p, Tensor weight, @Nullable Tensor bias) {
            Tensor scale = p.derive(() -> weight.abs()
                    .amax(new long[] {1}, true)
                    .to(ScalarType.Float)
                    .clamp_min(new Scalar(1e-30))
                    .div(new Scalar(127)));
            Tensor quantised = p.derive(() -> weight.to(ScalarType.Float).div(scale).round().to(ScalarType.Char));
            return new Int8(quantised, scale, bias);
        }

        /** The weight that this layer multiplies by, fp32 [out, in]. */
        public Tensor dequantised() {
            return quantised.to(ScalarType.Float).mul_(scale);
        }

        @Override
        public Tensor forward(Tensor x) {
            try (Scope scope = Scope.plain()) {
                return scope.keep(linear(x, dequantised().to(x.scalar_type()), Tensors.optional(bias)));
            }
        }

        @Override
        public Linear firstRows(long rows) {
            return new Int8(quantised.narrow(0, 0, rows), scale.narrow(0, 0, rows), bias == null ? null : bias.narrow(0, 0, rows));
        }
    }
}
