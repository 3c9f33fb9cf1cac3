package org.xomni.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.host.HostKernels;
import org.xomni.nn.host.HostUnpacking;
import org.xomni.nn.host.Int8Gemm;
import org.xomni.tensor.HugePages;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * 8-bit weights for CPUs that multiply bytes ({@link Int8Gemm}): panels of {@value #ROWS} rows, in which {@value #COLUMNS} neighbouring columns of a row are
 * followed by the same columns of the next one. The last rows and columns are padded with zeros. Behind the weights of a panel stands what else a product needs of
 * its rows, so that it is read with them: elsewhere in memory it would be waited for.
 *
 * @param panels int8 [ceil(R/64), ceil(C/4) + 2, 64, 4], where the last group but one holds the scales of the rows, fp32, and the last the sums of their weights, int32
 */
public record Int8Panels(Tensor panels) implements PackedInt8 {
    /** Rows of a panel. */
    public static final int ROWS = 64;
    /** Columns that lie side by side: the CPU adds up their products. */
    public static final int COLUMNS = 4;

    /** Groups behind the weights. */
    public static final int MORE = 2;

    /** Rows that are packed at a time, which bounds the memory for it. */
    private static final int PIECE = 1024;
    private static final int BYTE = 0xFF;

    /** Whether this CPU multiplies so many columns of bytes, and the JVM has the vectors for what is left to do. */
    static boolean suit(long columns) {
        return HostKernels.available() && HostUnpacking.pays() && Int8Gemm.available() && columns <= Int8Gemm.MOST_COLUMNS;
    }

    /** {@link PackedInt8#pack} to this layout, which any CPU can do. */
    public static Int8Panels pack(Tensor weight, Tensor scale, Keep keep) {
        return new Int8Panels(keep.made(() -> pack(weight, scale)));
    }

    /** Groups of {@link #COLUMNS} columns. */
    public static long groups(long columns) {
        return (columns + COLUMNS - 1) / COLUMNS;
    }

    private static Tensor pack(Tensor weight, Tensor scale) {
        int rows = Math.toIntExact(weight.size(0));
        int columns = Math.toIntExact(weight.size(1));
        int groups = Math.toIntExact(groups(columns));
        Tensor packed = HugePages.zeros((rows + ROWS - 1) / ROWS, groups + MORE, ROWS, COLUMNS);
        MemorySegment out = Tensors.segment(packed);
        byte[] values = new byte[groups * COLUMNS];
        float[] scales = Tensors.floats(scale);
        for (int from = 0; from < rows; from += PIECE) {
            try (Scope scope = Scope.plain()) {
                int count = Math.min(PIECE, rows - from);
                Tensor steps = weight.narrow(0, from, count).to(ScalarType.Float).div(scale.narrow(0, from, count)).round()
                        .clamp(new ScalarOptional(new Scalar((double) Byte.MIN_VALUE)), new ScalarOptional(new Scalar((double) Byte.MAX_VALUE))).to(ScalarType.Char).contiguous();
                MemorySegment bytes = Tensors.segment(steps);
                for (int k = 0; k < count; k++) {
                    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, (long) k * columns, values, 0, columns);
                    packRow(values, scales[from + k], out, from + k);
                }
            }
        }
        return HugePages.gather(packed);
    }

    private static void packRow(byte[] values, float scale, MemorySegment out, int row) {
        int groups = values.length / COLUMNS;
        long to = (long) row / ROWS * ROWS * (groups + MORE) + row % ROWS;
        for (int group = 0; group < groups; group++) {
            int at = group * COLUMNS;
            int word = values[at] & BYTE | (values[at + 1] & BYTE) << 8 | (values[at + 2] & BYTE) << 16 | values[at + 3] << 24;
            out.setAtIndex(ValueLayout.JAVA_INT, to + (long) group * ROWS, word);
        }
        out.setAtIndex(ValueLayout.JAVA_FLOAT, to + (long) groups * ROWS, scale);
        out.setAtIndex(ValueLayout.JAVA_INT, to + (groups + 1L) * ROWS, sum(values));
    }

    private static int sum(byte[] values) {
        int sum = 0;
        for (byte value : values) {
            sum += value;
        }
        return sum;
    }

    @Override
    public Tensor steps(long rows, long columns) {
        long groups = panels.size(1) - MORE;
        return Scope.only(() -> panels.narrow(1, 0, groups).permute(0, 2, 1, 3)
                .reshape(panels.size(0) * ROWS, groups * COLUMNS)
                .narrow(0, 0, rows)
                .narrow(1, 0, columns)
                .to(ScalarType.Float));
    }

    @Override
    public Int8Panels firstRows(long rows) {
        return new Int8Panels(panels.narrow(0, 0, (rows + ROWS - 1) / ROWS));
    }
}
