package org.xomni.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.HugePages;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * 8-bit weights for CPUs without products of bytes: reading them must be one sequential stream, and unpacking must take few instructions, as
 * both bound decoding (docs/log.md).
 *
 * <p>Layout of each slab of {@value #SLAB} columns: [R/4, C/32, 4, 32] bytes, blocks of four rows in chunks of 32 columns, padded with zeros. Four neighbouring columns share a 32-bit
 * lane, the first in the lowest byte. The kernel shifts a byte to the top of its lane and converts the lane to a float as it is, lower bytes
 * included; so a weight is not its byte b but {@code b + f}, where the bytes below it are the fraction f in [0, 1). Packing knows f when it
 * chooses b = round(w - f): the error is at most 1/2, that of plain rounding.
 *
 * @param slabs of {@value #SLAB} columns each, the last one of what is left
 */
public record Int8Lanes(List<Tensor> slabs) implements PackedInt8 {
    /** Rows of a block. */
    public static final int ROWS = 4;
    /** Columns of a chunk. */
    public static final int COLUMNS = 32;
    /** Columns that are packed together: more of the vector than 8 KiB does not stay in the nearest cache while weights stream through it. */
    public static final int SLAB = 2048;

    private static final int LANE = 4;
    private static final double TOP = 1 << 24;
    /** Rows that are packed at a time, which bounds the memory for it. */
    private static final int PIECE = 1024;

    /** {@link PackedInt8#pack} to this layout. */
    public static Int8Lanes pack(Tensor weight, Tensor scale, Keep keep) {
        return new Int8Lanes(cut(weight).stream().map(slab -> keep.made(() -> pack(slab, scale))).toList());
    }

    @Override
    public Tensor steps(long rows, long columns) {
        TensorVector all = new TensorVector();
        for (int i = 0; i < slabs.size(); i++) {
            all.push_back(unpack(slabs.get(i), rows, Math.min(SLAB, columns - (long) i * SLAB)));
        }
        return torch.cat(all, 1);
    }

    @Override
    public Int8Lanes firstRows(long rows) {
        long blocks = (rows + ROWS - 1) / ROWS;
        return new Int8Lanes(slabs.stream().map(slab -> slab.narrow(0, 0, blocks)).toList());
    }

    /** Columns with padding. */
    public static long padded(long columns) {
        return (columns + COLUMNS - 1) / COLUMNS * COLUMNS;
    }

    /** Views of {@link #SLAB} columns each, the last one of what is left. */
    private static List<Tensor> cut(Tensor weight) {
        long columns = weight.size(1);
        return LongStream.iterate(0, c -> c < columns, c -> c + SLAB)
                .mapToObj(c -> weight.narrow(1, c, Math.min(SLAB, columns - c)))
                .toList();
    }

    /**
     * Packs a matrix, or a slab of it.
     *
     * @param weight [R, C], any float type
     * @param scale [R, 1] fp32; {@code weight / scale} must lie in -128..127
     * @return int8 [ceil(R/4), ceil(C/32), 4, 32]
     */
    static Tensor pack(Tensor weight, Tensor scale) {
        int rows = Math.toIntExact(weight.size(0));
        int columns = Math.toIntExact(weight.size(1));
        int blocks = (rows + ROWS - 1) / ROWS;
        int padded = Math.toIntExact(padded(columns));
        Tensor packed = HugePages.zeros(blocks, padded / COLUMNS, ROWS, COLUMNS);
        MemorySegment out = Tensors.segment(packed);
        float[] values = new float[padded];
        for (int from = 0; from < rows; from += PIECE) {
            try (Scope scope = Scope.plain()) {
                int count = Math.min(PIECE, rows - from);
                Tensor piece = weight.narrow(0, from, count).to(ScalarType.Float).div(scale.narrow(0, from, count)).contiguous();
                MemorySegment steps = Tensors.segment(piece);
                for (int k = 0; k < count; k++) {
                    MemorySegment.copy(steps, ValueLayout.JAVA_FLOAT, (long) Float.BYTES * k * columns, values, 0, columns);
                    int row = from + k;
                    packRow(values, out, (long) row / ROWS * ROWS * padded + (long) row % ROWS * COLUMNS);
                }
            }
        }
        return HugePages.gather(packed);
    }

    /** One row, in steps of its scale; {@code to} is its place in the first chunk. */
    private static void packRow(float[] values, MemorySegment out, long to) {
        for (int first = 0; first < values.length; first += LANE) {
            long at = to + (long) first / COLUMNS * ROWS * COLUMNS + first % COLUMNS;
            // The bytes so far, as the bits below the next one.
            float fraction = 0;
            for (int k = 0; k < LANE; k++) {
                int b = (int) Math.clamp(Math.rint(values[first + k] - fraction), -128, 127);
                out.set(ValueLayout.JAVA_BYTE, at + k, (byte) b);
                fraction = (fraction + (b & 0xFF)) / 256;
            }
        }
    }

    /**
     * The weights that the kernel multiplies by, before the scale.
     *
     * @param packed as {@link #pack} gives it
     * @return fp32 [rows, columns]
     */
    static Tensor unpack(Tensor packed, long rows, long columns) {
        return Scope.only(() -> {
            long[] shape = Tensors.shape(packed);
            Tensor lanes = packed.view(ScalarType.Int);
            TensorVector weights = new TensorVector();
            for (int k = 0; k < LANE; k++) {
                Tensor top = lanes.bitwise_left_shift(new Scalar(8 * (LANE - 1 - k)));
                weights.push_back(top.to(ScalarType.Float).div(new Scalar(TOP)));
            }
            return torch.stack(weights, -1)
                    .view(shape[0], shape[1], ROWS, COLUMNS)
                    .permute(0, 2, 1, 3)
                    .reshape(shape[0] * ROWS, shape[1] * COLUMNS)
                    .narrow(0, 0, rows)
                    .narrow(1, 0, columns);
        });
    }
}
