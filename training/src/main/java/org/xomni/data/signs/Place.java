package org.xomni.data.signs;

import java.util.Arrays;
import java.util.List;

/** One of three by three places in a picture. */
public record Place(Row row, Column column) {
    /** All nine, row by row. */
    public static final List<Place> ALL =
            Arrays.stream(Row.values()).flatMap(r -> Arrays.stream(Column.values()).map(c -> new Place(r, c))).toList();

    /** From top to bottom. */
    public enum Row {
        TOP,
        MIDDLE,
        BOTTOM
    }

    /** From left to right. */
    public enum Column {
        LEFT,
        CENTER,
        RIGHT
    }

    /** Whether it is one of the four corners. */
    public boolean isCorner() {
        return row != Row.MIDDLE && column != Column.CENTER;
    }

    /** The first cell of something that takes {@code length} of {@code cells} cells and stands at step 0, 1 or 2 of three. */
    static int cell(int step, int cells, int length) {
        return step * (cells - length) / 2;
    }
}
