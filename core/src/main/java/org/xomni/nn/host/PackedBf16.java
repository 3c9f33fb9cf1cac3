package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * bf16 weights as {@link Bf16Gemm} reads them, for vectors that are rounded to bf16 too: panels of 64 rows, one after the other, each [cols / 2, row, 2]. A copy,
 * made at the first product.
 */
final class PackedBf16 {
    /** Rows of a panel. */
    static final int PANEL = 64;

    /** Bytes of a row up to which a copy is made: of small models, that is. */
    private static final int LONGEST_ROW = 2048;

    /** Vectors that are multiplied with a panel at a time: the kernel is generated for each number of them. */
    private static final int TOGETHER = 16;

    private final long weights;
    private final int rows;
    private final int cols;
    private final Arena arena;
    private volatile @Nullable MemorySegment panels;

    /**
     * @param weights address of [rows, cols]
     * @param arena where the copy will live
     */
    PackedBf16(long weights, int rows, int cols, Arena arena) {
        this.weights = weights;
        this.rows = rows;
        this.cols = cols;
        this.arena = arena;
    }

    /** Whether the CPU multiplies such weights this way. */
    static boolean suits(HostMatrix.Type type, int cols) {
        return type == HostMatrix.Type.BF16 && cols % 2 == 0 && cols * type.bytes() <= LONGEST_ROW && Bf16Gemm.available();
    }

    /**
     * {@code y[b, from..to) = (W x[b])[from..to)}.
     *
     * @param x rounded
     */
    void multiply(HostVector x, int batch, HostVector y, int from, int to) {
        long panels = panels().address();
        for (int row = from; row < to; ) {
            int first = row / PANEL * PANEL;
            int height = Math.min(PANEL, rows - first);
            int last = Math.min(to, first + height);
            long w = panels + (long) first * cols * Short.BYTES + (long) (row - first) * 2 * Short.BYTES;
            for (int b = 0; b < batch; b += TOGETHER) {
                int vectors = Math.min(TOGETHER, batch - b);
                long sums = y.address(b, 1) + (long) row * Float.BYTES;
                Bf16Gemm.multiply(x.rounded(batch) + (long) b * cols * Short.BYTES, vectors, cols, w, height, last - row, sums, y.stride());
            }
            row = last;
        }
    }

    private MemorySegment panels() {
        MemorySegment made = panels;
        if (made == null) {
            synchronized (this) {
                made = panels;
                if (made == null) {
                    made = pack();
                    panels = made;
                }
            }
        }
        return made;
    }

    private MemorySegment pack() {
        MemorySegment packed = arena.allocate((long) rows * cols * Short.BYTES, PANEL);
        int pairs = cols / 2;
        for (int first = 0; first < rows; first += PANEL) {
            int height = Math.min(PANEL, rows - first);
            for (int row = 0; row < height; row++) {
                long from = weights + (long) (first + row) * cols * Short.BYTES;
                long to = (long) first * pairs + row;
                for (int k = 0; k < pairs; k++) {
                    packed.setAtIndex(ValueLayout.JAVA_INT, to + (long) k * height, Dot.MEMORY.get(ValueLayout.JAVA_INT_UNALIGNED, from + (long) Integer.BYTES * k));
                }
            }
        }
        return packed;
    }
}
