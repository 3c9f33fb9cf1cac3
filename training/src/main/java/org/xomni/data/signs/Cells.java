package org.xomni.data.signs;

/** A rectangle of 16-pixel cells: rows and columns count from the top left, the ends are exclusive. */
public record Cells(int top, int left, int bottom, int right) {

    /** Whether the two share a cell. */
    public boolean overlaps(Cells other) {
        return top < other.bottom && other.top < bottom && left < other.right && other.left < right;
    }
}
