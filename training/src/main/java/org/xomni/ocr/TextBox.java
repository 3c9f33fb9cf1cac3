package org.xomni.ocr;

import org.xomni.tensor.InputException;

/**
 * Where a line of text stands: a rectangle, possibly turned. Pixels, y down; the picture's top left corner is (0, 0), so the centre of
 * its first pixel is (0.5, 0.5).
 *
 * @param width along the line of text
 * @param height across it
 * @param radians by how much the line falls to the right, -pi/2..pi/2; 0 is level
 */
public record TextBox(double centerX, double centerY, double width, double height, double radians) {
    /** @throws InputException if a side is not positive or a number is not finite */
    public TextBox {
        if (!(width > 0 && height > 0) || !Double.isFinite(centerX + centerY + width + height + radians)) {
            throw new InputException("a text box cannot be " + width + " x " + height + " at (" + centerX + ", " + centerY + ") turned by "
                    + radians + "; give finite numbers and sides above 0");
        }
    }

    /** An upright box by its edges. */
    public static TextBox of(double left, double top, double right, double bottom) {
        return new TextBox((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, 0);
    }

    /** The box with {@code margin} more on each side. */
    TextBox grown(double margin) {
        return new TextBox(centerX, centerY, width + 2 * margin, height + 2 * margin, radians);
    }

    /** The same box read from bottom to top instead. */
    TextBox onItsSide() {
        return new TextBox(centerX, centerY, height, width, radians > 0 ? radians - Math.PI / 2 : radians + Math.PI / 2);
    }

    /** Half of the upright hull's width. */
    private double reachX() {
        return (width * Math.abs(Math.cos(radians)) + height * Math.abs(Math.sin(radians))) / 2;
    }

    /** Half of the upright hull's height. */
    private double reachY() {
        return (width * Math.abs(Math.sin(radians)) + height * Math.abs(Math.cos(radians))) / 2;
    }

    /** The leftmost x. */
    public double left() {
        return centerX - reachX();
    }

    /** The rightmost x. */
    public double right() {
        return centerX + reachX();
    }

    /** The uppermost y. */
    public double top() {
        return centerY - reachY();
    }

    /** The lowest y. */
    public double bottom() {
        return centerY + reachY();
    }
}
