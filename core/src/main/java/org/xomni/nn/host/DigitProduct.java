package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.xomni.nn.Int8Panels;
import org.xomni.tensor.Tensors;

/** Products of {@link Int8Panels} with vectors that are split into {@link Digits}. Sums over columns are exact. */
final class DigitProduct {
    /** Vectors that are multiplied with a panel at a time: the kernel is generated for each number of them. */
    private static final int TOGETHER = 16;

    private static final int PANEL = Int8Panels.ROWS;

    /** Products with a panel, of each thread. */
    private static final ThreadLocal<MemorySegment> PRODUCTS =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate((long) TOGETHER * Digits.COUNT * PANEL * Integer.BYTES, PANEL));

    private final Tensor panels;
    private final long address;
    private final int rows;
    private final int depth;
    private final float[] scale;
    /** {@link Digits#OFFSET} times the sum of each row. */
    private final int[] excess;

    /**
     * @param panels stay the caller's
     * @param scale of each row
     */
    DigitProduct(Int8Panels panels, int rows, float[] scale) {
        this.panels = panels.panels();
        this.address = Tensors.segment(panels.panels()).address();
        this.rows = rows;
        this.depth = Math.toIntExact(panels.panels().size(1)) * Int8Panels.COLUMNS;
        this.scale = scale;
        this.excess = Arrays.stream(panels.sums(), 0, rows).map(sum -> Digits.OFFSET * sum).toArray();
    }

    private long panel(int row) {
        return address + (long) row / PANEL * PANEL * depth;
    }

    boolean isClosed() {
        return panels.isNull();
    }

    /**
     * {@code y[b, from..to) = scale (W x[b])[from..to)}.
     *
     * @param x split
     */
    void multiply(HostVector x, int batch, HostVector y, int from, int to) {
        long digits = x.digits(batch);
        long products = PRODUCTS.get().address();
        for (int row = from; row < to; ) {
            int within = row % PANEL;
            int last = Math.min(to, row - within + PANEL);
            for (int b = 0; b < batch; b += TOGETHER) {
                int vectors = Math.min(TOGETHER, batch - b);
                Int8Gemm.multiply(
                        digits + (long) b * Digits.COUNT * depth, Digits.COUNT * vectors, depth, panel(row) + (long) within * Int8Panels.COLUMNS, PANEL, last - row, products, PANEL);
                for (int v = 0; v < vectors; v++) {
                    long at = products + (long) v * Digits.COUNT * PANEL * Integer.BYTES;
                    Digits.join(at, PANEL, last - row, excess, scale, row, x.step(b + v), y.address(b + v, 1) + (long) row * Float.BYTES);
                }
            }
            row = last;
        }
    }
}
