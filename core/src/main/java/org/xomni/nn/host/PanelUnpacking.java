package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.xomni.nn.Int8Panels;

/** {@link Int8Panels} as a plain matrix, a tile after the other: all rows of a panel in as many columns as fit into the nearest cache. */
final class PanelUnpacking {
    /** Groups of columns of a tile. */
    private static final int TILE = 32;

    private static final int ROWS = Int8Panels.ROWS;
    private static final int COLUMNS = Int8Panels.COLUMNS;
    private static final long LINE = (long) TILE * COLUMNS * Float.BYTES;
    private static final MemorySegment MEMORY = Dot.MEMORY;

    private PanelUnpacking() {}

    /**
     * Unpacks rows.
     *
     * @param panels address
     * @param plain where they go
     * @param from the first of a panel
     * @param to the row after the last
     */
    static void rows(long panels, HostUnpacking.Plain plain, int from, int to) {
        int groups = (int) Int8Panels.groups(plain.columns());
        try (Arena arena = Arena.ofConfined()) {
            long tile = arena.allocate(ROWS * LINE, LINE).address();
            for (int panel = from; panel < to; panel += ROWS) {
                int rows = Math.min(ROWS, to - panel);
                for (int group = 0; group < groups; group += TILE) {
                    int count = Math.min(TILE, groups - group);
                    scale(panels + ((long) panel * (groups + Int8Panels.MORE) + (long) group * ROWS) * COLUMNS, count, plain.scale(), panel, rows, tile);
                    int columns = Math.min(count * COLUMNS, plain.columns() - group * COLUMNS);
                    for (int row = 0; row < rows; row++) {
                        write(tile + row * LINE, columns, plain.bf16(), plain.at(panel + row, group * COLUMNS));
                    }
                }
            }
        }
    }

    /** Scaled weights of some groups of columns. */
    private static void scale(long from, int groups, float[] scale, int first, int rows, long tile) {
        for (int row = 0; row < rows; row++) {
            float step = scale[first + row];
            long weights = from + (long) row * COLUMNS;
            long to = tile + row * LINE;
            for (int group = 0; group < groups; group++) {
                int four = MEMORY.get(ValueLayout.JAVA_INT, weights + (long) group * ROWS * COLUMNS);
                long at = to + (long) group * COLUMNS * Float.BYTES;
                MEMORY.set(ValueLayout.JAVA_FLOAT, at, (byte) four * step);
                MEMORY.set(ValueLayout.JAVA_FLOAT, at + Float.BYTES, (byte) (four >> 8) * step);
                MEMORY.set(ValueLayout.JAVA_FLOAT, at + 2 * Float.BYTES, (byte) (four >> 16) * step);
                MEMORY.set(ValueLayout.JAVA_FLOAT, at + 3 * Float.BYTES, (four >> 24) * step);
            }
        }
    }

    private static void write(long from, int columns, boolean bf16, long to) {
        if (bf16) {
            Bfloat16.store(from, columns, to);
        } else {
            MemorySegment.copy(MEMORY, from, MEMORY, to, (long) columns * Float.BYTES);
        }
    }
}
