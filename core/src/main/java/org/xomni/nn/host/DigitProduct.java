package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
    private final int depth;

    /** @param panels stay the caller's */
    DigitProduct(Int8Panels panels) {
        this.panels = panels.panels();
        this.address = Tensors.segment(panels.panels()).address();
        this.depth = Math.toIntExact(panels.panels().size(1) - Int8Panels.MORE) * Int8Panels.COLUMNS;
    }

    /** Where the first columns of a row are; from there to those of the next row it is a lane. */
    private long start(int row) {
        return address + (long) row / PANEL * PANEL * (depth + Int8Panels.MORE * Int8Panels.COLUMNS) + (long) row % PANEL * Int8Panels.COLUMNS;
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
            int last = Math.min(to, row - row % PANEL + PANEL);
            long weights = start(row);
            long scale = weights + (long) depth * PANEL;
            long sum = scale + (long) Float.BYTES * PANEL;
            for (int b = 0; b < batch; b += TOGETHER) {
                int vectors = Math.min(TOGETHER, batch - b);
                Int8Gemm.multiply(
                        digits + (long) b * Digits.COUNT * depth, Digits.COUNT * vectors, depth, weights, PANEL, last - row, products, PANEL);
                for (int v = 0; v < vectors; v++) {
                    long at = products + (long) v * Digits.COUNT * PANEL * Integer.BYTES;
                    Digits.join(at, PANEL, last - row, scale, sum, x.step(b + v), y.address(b + v, 1) + (long) row * Float.BYTES);
                }
            }
            row = last;
        }
    }
}
