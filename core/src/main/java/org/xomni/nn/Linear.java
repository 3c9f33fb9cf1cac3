package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.linear;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.host.HostKernels;
import org.xomni.nn.host.HostUnpacking;
import org.xomni.tensor.LowRank;
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
        Dense dense = new Dense(weight, b);
        LowRank lowRank = p.lowRank();
        return lowRank == null ? dense
                : new Lora(dense, p.matrix(LowRank.A, lowRank.rank(), in), p.matrix(LowRank.B, out, lowRank.rank()), lowRank.scale());
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
     * W as it is and a low-rank adapter (LoRA, arXiv 2106.09685): {@code y = x W^T + b + scale x A^T B^T}.
     *
     * @param a [rank, in]
     * @param b [out, rank]
     */
    record Lora(Dense dense, Tensor a, Tensor b, double scale) implements Linear {
        @Override
        public Tensor forward(Tensor x) {
            Tensor low = linear(linear(x, a.to(x.scalar_type())), b.to(x.scalar_type()));
            return dense.forward(x).add(low, new Scalar(scale));
        }

        @Override
        public Linear firstRows(long rows) {
            return new Lora((Dense) dense.firstRows(rows), a, b.narrow(0, 0, rows), scale);
        }

        /** The weight of the plain layer that does the same: {@code W + scale B A}, fp32 [out, in]. */
        public static Tensor merge(Tensor weight, Tensor a, Tensor b, double scale) {
            return weight.to(ScalarType.Float).add(b.to(ScalarType.Float).matmul(a.to(ScalarType.Float)), new Scalar(scale));
        }
    }

    /**
     * Weight-only int8: {@code W ~ scale * q}, one scale for each output.
     *
     * @param packed q
     * @param scale [out, 1] fp32
     * @param bias [out] or null
     * @param out rows of W
     * @param in columns of W
     */
    record Int8(PackedInt8 packed, Tensor scale, @Nullable Tensor bias, long out, long in) implements Linear {

        static Int8 of(Parameters p, Tensor weight, @Nullable Tensor bias) {
            Tensor scale = p.derive(() -> scale(weight));
            return new Int8(PackedInt8.pack(weight, scale, p::derive), scale, bias, weight.size(0), weight.size(1));
        }

        /** A layer with scales of one's own; {@code weight / scale} must lie in -128..127. */
        public static Int8 of(Tensor weight, Tensor scale, @Nullable Tensor bias) {
            return new Int8(PackedInt8.pack(weight, scale, Supplier::get), scale, bias, weight.size(0), weight.size(1));
        }

        /** The largest weight of a row becomes 127. */
        static Tensor scale(Tensor weight) {
            Tensor largest = weight.abs().amax(new long[] {1}, true).to(ScalarType.Float);
            return largest.clamp_min(new Scalar(1e-30)).div(new Scalar(127));
        }

        /** The weight that this layer multiplies by, fp32 [out, in]. */
        public Tensor dequantised() {
            return packed.steps(out, in).mul(scale);
        }

        @Override
        public Tensor forward(Tensor x) {
            ScalarType type = x.scalar_type().intern();
            boolean ours = HostKernels.available() && HostUnpacking.pays() && x.is_cpu() && (type == ScalarType.BFloat16 || type == ScalarType.Float);
            return Scope.only(() -> linear(x, ours ? HostUnpacking.weight(this, type) : dequantised().to(type), Tensors.optional(bias)));
        }

        @Override
        public Linear firstRows(long rows) {
            return new Int8(packed.firstRows(rows), scale.narrow(0, 0, rows), bias == null ? null : bias.narrow(0, 0, rows), rows, in);
        }
    }
}
