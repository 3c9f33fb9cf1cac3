package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_I2L;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Int8Lanes;
import org.xomni.nn.Int8Panels;
import org.xomni.nn.Linear;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;

/**
 * The weight of an int8 layer as a plain matrix, for products with many vectors at once, which libtorch does: to the bit what
 * {@link Linear.Int8#dequantised} computes operation by operation, in one pass over memory.
 */
public final class HostUnpacking {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_256;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_256;
    private static final VectorSpecies<Long> L = LongVector.SPECIES_256;
    private static final VectorShuffle<Long> ZIP_LOW = VectorShuffle.makeZip(L, 0);
    private static final VectorShuffle<Long> ZIP_HIGH = VectorShuffle.makeZip(L, 1);
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = Dot.MEMORY;
    private static final int CHUNK = Int8Lanes.COLUMNS;

    private HostUnpacking() {}

    /** Whether this CPU has registers of 256 bits; smaller ones would stand in for them very slowly. */
    public static boolean pays() {
        return FloatVector.SPECIES_PREFERRED.length() >= F.length();
    }

    /**
     * {@code scale * q}.
     *
     * @param type fp32 or bf16
     * @return [out, in]
     */
    public static Tensor weight(Linear.Int8 layer, ScalarType type) {
        int rows = Math.toIntExact(layer.out());
        int columns = Math.toIntExact(layer.in());
        boolean bf16 = type == ScalarType.BFloat16;
        float[] scale = Tensors.floats(layer.scale());
        Tensor weight = torch.empty(new long[] {rows, columns}, new TensorOptions(bf16 ? ScalarType.BFloat16 : ScalarType.Float), null);
        Plain plain = new Plain(rows, columns, scale, bf16, Tensors.segment(weight).address());
        try (Team team = new Team(Engine.threads())) {
            team.run(part -> {
                switch (layer.packed()) {
                    case Int8Lanes(List<Tensor> slabs) ->
                        lanes(slabs, plain, Team.from(part, team.size(), rows, 1), Team.from(part + 1, team.size(), rows, 1));
                    case Int8Panels(Tensor panels) ->
                        PanelUnpacking.rows(Tensors.segment(panels).address(), plain,
                                Team.from(part, team.size(), rows, Int8Panels.ROWS), Team.from(part + 1, team.size(), rows, Int8Panels.ROWS));
                }
            });
        }
        return weight;
    }

    /**
     * The matrix to be written.
     *
     * @param scale of each row
     * @param bf16 or else fp32
     * @param address of its first element
     */
    @SuppressWarnings("ArrayRecordComponent") // read only
    record Plain(int rows, int columns, float[] scale, boolean bf16, long address) {
        long at(int row, int column) {
            return address + ((long) row * columns + column) * (bf16 ? Short.BYTES : Float.BYTES);
        }
    }

    private static void lanes(List<Tensor> slabs, Plain plain, int from, int to) {
        byte[] last = new byte[CHUNK * (plain.bf16 ? Short.BYTES : Float.BYTES)];
        for (int slab = 0; slab < slabs.size(); slab++) {
            int first = slab * Int8Lanes.SLAB;
            int within = Math.min(Int8Lanes.SLAB, plain.columns - first);
            long address = Tensors.segment(slabs.get(slab)).address();
            for (int row = from; row < to; row++) {
                row(address, row, within, plain.scale[row], plain.bf16, plain.at(row, first), last);
            }
        }
    }

    /** One row of a slab. */
    private static void row(long slab, int row, int columns, float scale, boolean bf16, long to, byte[] last) {
        long block = Int8Lanes.ROWS * Int8Lanes.padded(columns);
        long from = slab + row / Int8Lanes.ROWS * block + (long) (row % Int8Lanes.ROWS) * CHUNK;
        int whole = columns / CHUNK;
        long step = (long) Int8Lanes.ROWS * CHUNK;
        if (bf16) {
            bf16(from, from + whole * step, scale, MEMORY, to);
        } else {
            fp32(from, from + whole * step, scale, MEMORY, to);
        }
        if (columns % CHUNK != 0) {
            MemorySegment rest = MemorySegment.ofArray(last);
            int bytes = last.length / CHUNK;
            if (bf16) {
                bf16(from + whole * step, from + (whole + 1) * step, scale, rest, 0);
            } else {
                fp32(from + whole * step, from + (whole + 1) * step, scale, rest, 0);
            }
            MemorySegment.copy(rest, 0, MEMORY, to + (long) whole * CHUNK * bytes, (long) columns % CHUNK * bytes);
        }
    }

    /** A lane has four neighbours: each is brought to the top and converted together with what is below it, as {@link Dot} does. */
    private static FloatVector weights(IntVector lanes, float scale) {
        return ((FloatVector) lanes.convertShape(I2F, F, 0)).mul(Dot.TOP_SCALE).mul(scale);
    }

    private static void bf16(long from, long end, float scale, MemorySegment out, long to) {
        for (long p = from, q = to; p != end; p += (long) Int8Lanes.ROWS * CHUNK, q += (long) CHUNK * Short.BYTES) {
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            IntVector one = rounded(weights(v.lanewise(LSHL, 24), scale)).lanewise(LSHR, 16);
            IntVector two = rounded(weights(v.lanewise(LSHL, 16), scale)).lanewise(AND, 0xFFFF0000);
            IntVector three = rounded(weights(v.lanewise(LSHL, 8), scale)).lanewise(LSHR, 16);
            IntVector four = rounded(weights(v, scale)).lanewise(AND, 0xFFFF0000);
            IntVector a = one.lanewise(OR, two);
            IntVector b = three.lanewise(OR, four);
            pairs(a, b, 0).intoMemorySegment(out, q, ORDER);
            pairs(a, b, 1).intoMemorySegment(out, q + L.vectorByteSize(), ORDER);
        }
    }

    private static void fp32(long from, long end, float scale, MemorySegment out, long to) {
        for (long p = from, q = to; p != end; p += (long) Int8Lanes.ROWS * CHUNK, q += (long) CHUNK * Float.BYTES) {
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            IntVector one = weights(v.lanewise(LSHL, 24), scale).reinterpretAsInts();
            IntVector two = weights(v.lanewise(LSHL, 16), scale).reinterpretAsInts();
            IntVector three = weights(v.lanewise(LSHL, 8), scale).reinterpretAsInts();
            IntVector four = weights(v, scale).reinterpretAsInts();
            for (int half = 0; half < 2; half++) {
                LongVector a = pairs(one, two, half);
                LongVector b = pairs(three, four, half);
                long at = q + 2L * half * L.vectorByteSize();
                a.rearrange(ZIP_LOW, b).intoMemorySegment(out, at, ORDER);
                a.rearrange(ZIP_HIGH, b).intoMemorySegment(out, at + L.vectorByteSize(), ORDER);
            }
        }
    }

    /** Lanes of {@code low} and {@code high} next to each other, for the first or the second half of the lanes. */
    private static LongVector pairs(IntVector low, IntVector high, int half) {
        LongVector l = (LongVector) low.convertShape(ZERO_EXTEND_I2L, L, half);
        LongVector h = (LongVector) high.convertShape(ZERO_EXTEND_I2L, L, half);
        return l.lanewise(OR, h.lanewise(LSHL, Integer.SIZE));
    }

    /** The bits of the nearest bf16 number, ties to even, in the upper half. */
    private static IntVector rounded(FloatVector x) {
        IntVector bits = x.reinterpretAsInts();
        return bits.add(bits.lanewise(LSHR, 16).lanewise(AND, 1)).add(0x7FFF);
    }
}
