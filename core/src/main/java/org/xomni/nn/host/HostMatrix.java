package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Int8Lanes;
import org.xomni.nn.Int8Panels;
import org.xomni.nn.Linear;
import org.xomni.tensor.Tensors;

/**
 * The weight of a {@link Linear} for products with one or few vectors, read where it lies in memory or from a packed copy. Each row's result
 * is the same to the bit whatever the batch and however the rows are split over threads: {@code y = scale * (W x) + bias}, summed in an
 * order that depends on the number of columns alone.
 *
 * <p>Vectors are fp32. Where the CPU has instructions for bf16 they are rounded to it before they meet short rows of bf16, as libtorch rounds them; such weights
 * are packed ({@link PackedBf16}). Where it multiplies bytes, they are split into three before they meet int8 ({@link Digits}).
 */
public final class HostMatrix {
    /** Rows that are computed together. */
    static final int BLOCK = 4;

    /** Bytes of a row up to which some rows stay in the nearest cache. */
    private static final int SHORT_ROW = 4096;

    /** How weights are held. */
    public enum Type {
        FP32(4),
        BF16(2),
        INT8(1);

        private final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        /** Bytes of one weight. */
        public int bytes() {
            return bytes;
        }

        /** How many weights share a 32-bit lane. */
        int ways() {
            return Float.BYTES / bytes;
        }
    }

    private final Type type;
    private final int rows;
    private final int cols;
    private final List<Slab> slabs;
    private final float @Nullable [] scale;
    private final float @Nullable [] bias;
    /** Where vectors are rounded. */
    private final @Nullable PackedBf16 packed;
    /** Where vectors are split. */
    private final @Nullable DigitProduct split;

    /** Columns from..from+cols-1. */
    private record Slab(Tensor weight, long address, int from, int cols) {
        static Slab of(Tensor weight, int from, int cols) {
            return new Slab(weight, Tensors.segment(weight).address(), from, cols);
        }
    }

    private HostMatrix(Type type, List<Tensor> weights, long rows, long cols, int slab, float @Nullable [] scale, float @Nullable [] bias, boolean mayRound, Arena arena) {
        this.type = type;
        this.rows = Math.toIntExact(rows);
        this.cols = Math.toIntExact(cols);
        this.slabs = IntStream.range(0, weights.size())
                .mapToObj(i -> Slab.of(weights.get(i), i * slab, Math.min(slab, this.cols - i * slab)))
                .toList();
        this.scale = scale;
        this.bias = bias;
        this.packed = mayRound && PackedBf16.suits(type, this.cols) ? new PackedBf16(slabs.getFirst().address(), this.rows, this.cols, arena) : null;
        this.split = null;
    }

    private HostMatrix(Int8Panels panels, long rows, long cols, float @Nullable [] bias) {
        this.type = Type.INT8;
        this.rows = Math.toIntExact(rows);
        this.cols = Math.toIntExact(cols);
        this.slabs = List.of();
        this.scale = null;
        this.bias = bias;
        this.packed = null;
        this.split = new DigitProduct(panels);
    }

    /**
     * Reads the layer's memory while the model that owns the layer is open; a packed copy has the weights as they are at the first product.
     *
     * @param arena where a packed copy lives
     * @throws IllegalArgumentException if the weight is not contiguous, not on the CPU or not fp32, bf16 or int8, or has an adapter
     * @throws IllegalStateException if {@link HostKernels#available()} is false
     */
    public static HostMatrix of(Linear layer, Arena arena) {
        return of(layer, true, arena);
    }

    /** The same, or one that does not round whatever the CPU can do. */
    static HostMatrix of(Linear layer, boolean mayRound, Arena arena) {
        if (!HostKernels.available()) {
            throw new IllegalStateException("the JVM runs without --add-modules jdk.incubator.vector; add it or use libtorch");
        }
        return switch (layer) {
            case Linear.Dense(Tensor weight, Tensor bias) ->
                new HostMatrix(type(weight), List.of(weight), weight.size(0), weight.size(1), (int) weight.size(1), null, floats(bias), mayRound, arena);
            case Linear.Int8(Int8Lanes(List<Tensor> slabs), Tensor scale, Tensor bias, long out, long in) ->
                new HostMatrix(Type.INT8, slabs, out, in, Int8Lanes.SLAB, Tensors.floats(scale), floats(bias), mayRound, arena);
            case Linear.Int8(Int8Panels panels, _, Tensor bias, long out, long in) ->
                new HostMatrix(panels, out, in, floats(bias));
            case Linear.Lora lora -> throw new IllegalArgumentException("a layer with an adapter is no single matrix; merge it or use libtorch");
        };
    }

    private static Type type(Tensor weight) {
        ScalarType type = weight.scalar_type().intern();
        if (type == ScalarType.Float) {
            return Type.FP32;
        }
        if (type == ScalarType.BFloat16) {
            return Type.BF16;
        }
        throw new IllegalArgumentException("a host matrix has fp32, bf16 or int8 weights, not " + type);
    }

    private static float @Nullable [] floats(@Nullable Tensor tensor) {
        return tensor == null ? null : Tensors.floats(tensor);
    }

    public Type type() {
        return type;
    }

    /** Outputs. */
    public int rows() {
        return rows;
    }

    /** Inputs. */
    public int cols() {
        return cols;
    }

    /** Splits of the rows at its multiples are the cheapest. */
    public int block() {
        return split != null ? Int8Panels.ROWS : packed != null ? PackedBf16.PANEL : BLOCK;
    }

    /** Bytes of weights that one product reads. */
    public long bytes() {
        return (long) rows * cols * type.bytes();
    }

    /** Whether its rows are so short that they stay in the nearest cache while many vectors are multiplied with them. */
    public boolean isShort() {
        return type != Type.INT8 && (long) cols * type.bytes() <= SHORT_ROW;
    }

    /** Vectors up to which one pass over the weights serves all of them; libtorch was slower with 8, for short rows and for bytes with 64 too (docs/log.md). */
    public int mostVectors() {
        return isShort() || split != null ? 64 : 8;
    }

    /** Lays vectors out as products of the first {@code batch} with this matrix read them: to be called between writing the vectors and multiplying them. */
    public void prepare(HostVector x, int batch) {
        if (split != null) {
            x.split(batch);
        } else if (packed != null) {
            x.round(batch);
        } else {
            x.prepare(type, batch);
        }
    }

    /** Whether vectors are split into bytes, which are multiplied so fast that libtorch, which unpacks all weights first, was slower with any number (docs/log.md, 2026-11-30). */
    public boolean splits() {
        return split != null;
    }

    /** Whether vectors are rounded to bf16 like the weights. */
    public boolean rounds() {
        return packed != null;
    }

    /**
     * Computes {@code y[b, from..to) = (W x[b] + bias)[from..to)} for the first {@code batch} vectors; reads the weights from memory once.
     *
     * @param x at least [batch, cols], {@linkplain #prepare prepared}
     * @param y at least [batch, rows]
     * @throws IllegalArgumentException if a shape or range does not fit
     */
    public void multiply(HostVector x, int batch, HostVector y, int from, int to) {
        Objects.checkFromToIndex(from, to, rows);
        if (x.size() != cols || y.size() < rows || batch > x.batch() || batch > y.batch()) {
            throw new IllegalArgumentException("a [" + rows + ", " + cols + "] matrix cannot take x [" + x.batch() + ", " + x.size()
                    + "] to y [" + y.batch() + ", " + y.size() + "] for a batch of " + batch);
        }
        requireOpen();
        if (split != null) {
            split.multiply(x, batch, y, from, to);
            addBias(y, batch, from, to);
        } else if (packed != null) {
            packed.multiply(x, batch, y, from, to);
            addBias(y, batch, from, to);
        } else {
            slabs.forEach(slab -> multiply(slab, x, batch, y, from, to));
        }
    }

    private void requireOpen() {
        boolean closed = split != null && split.isClosed();
        for (Slab slab : slabs) {
            closed |= slab.weight.isNull();
        }
        if (closed) {
            throw new IllegalStateException("the layer of this host matrix is closed");
        }
    }

    private void multiply(Slab slab, HostVector x, int batch, HostVector y, int from, int to) {
        int wide = Math.min(batch, WideDot.vectors(WideDot.registers(type, cols, batch)));
        if (wide > 0) {
            multiplyWide(slab, x, wide, y, from, to);
        }
        boolean first = slab.from == 0;
        boolean last = slab.from + slab.cols == cols;
        Dot dot = new Dot(type, slab.address, slab.cols, slab.from);
        for (int block = from / BLOCK * BLOCK; block < to; block += dot.rows()) {
            int begin = Math.max(from, block);
            int end = Math.min(to, block + dot.rows());
            for (int b = wide; b < batch; b += dot.vectors()) {
                int count = Math.min(dot.vectors(), batch - b);
                dot.rows(block, begin, end, x, b, count);
                for (int i = 0; i < count; i++) {
                    for (int row = begin; row < end; row++) {
                        float sum = (first ? 0 : y.get(b + i, row)) + dot.sum(row - block, i);
                        y.set(b + i, row, last ? finish(sum, row) : sum);
                    }
                }
            }
        }
    }

    /** The first {@code wide} vectors, a register of them at a time. */
    private void multiplyWide(Slab slab, HostVector x, int wide, HostVector y, int from, int to) {
        try (WideDot dot = new WideDot(type, slab.address, slab.cols)) {
            for (int row = from; row < to; row += dot.rows()) {
                int rows = Math.min(dot.rows(), to - row);
                dot.unpack(row, rows);
                for (int b = 0; b < wide; b += WideDot.vectors(1)) {
                    dot.multiply(x.laidOut(type, b));
                    for (int i = 0; i < Math.min(WideDot.vectors(1), wide - b); i++) {
                        for (int k = 0; k < rows; k++) {
                            y.set(b + i, row + k, finish(dot.sum(k, i), row + k));
                        }
                    }
                }
            }
        }
    }

    private void addBias(HostVector y, int batch, int from, int to) {
        if (bias != null) {
            for (int b = 0; b < batch; b++) {
                HostElementwise.add(y, bias, b, from, to);
            }
        }
    }

    private float finish(float sum, int row) {
        float scaled = scale == null ? sum : sum * scale[row];
        return bias == null ? scaled : scaled + bias[row];
    }
}
