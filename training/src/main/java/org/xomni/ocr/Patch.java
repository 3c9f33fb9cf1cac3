package org.xomni.ocr;

import org.xomni.image.Pixels;

/**
 * A rectangle of a picture, possibly turned and partly outside, seen as a grid: the centre of the cell in row {@code j}, column {@code i}
 * is {@code (x, y) + (i + .5) (rightX, rightY) + (j + .5) (downX, downY)} in pixels of the picture.
 */
record Patch(double x, double y, double rightX, double rightY, double downX, double downY) {

    /** The box as a grid of {@code rows} x {@code columns} cells. */
    static Patch of(TextBox box, int rows, double columns) {
        double cos = Math.cos(box.radians());
        double sin = Math.sin(box.radians());
        double halfWidth = box.width() / 2;
        double halfHeight = box.height() / 2;
        return new Patch(
                box.centerX() - cos * halfWidth + sin * halfHeight,
                box.centerY() - sin * halfWidth - cos * halfHeight,
                cos * box.width() / columns,
                sin * box.width() / columns,
                -sin * box.height() / rows,
                cos * box.height() / rows);
    }

    /**
     * Samples bilinearly; beyond the picture its edge goes on. PP-OCR learned on OpenCV's channel order, so blue comes first.
     *
     * @param planes three planes of {@code stride} x {@code rows} values, starting at {@code offset}; the first {@code columns} of each
     *     row are set
     * @param mean of each plane, on the scale 0..1
     * @param deviation of each plane, on the scale 0..1
     */
    void sample(Pixels picture, float[] planes, int offset, int rows, int columns, int stride, float[] mean, float[] deviation) {
        byte[] rgb = picture.rgb();
        int width = picture.width();
        int height = picture.height();
        for (int j = 0; j < rows; j++) {
            for (int i = 0; i < columns; i++) {
                double px = Math.clamp(x + (i + .5) * rightX + (j + .5) * downX - .5, 0, width - 1);
                double py = Math.clamp(y + (i + .5) * rightY + (j + .5) * downY - .5, 0, height - 1);
                int x0 = (int) px;
                int y0 = (int) py;
                float fx = (float) (px - x0);
                float fy = (float) (py - y0);
                int upper = (y0 * width + x0) * 3;
                int lower = y0 + 1 < height ? upper + width * 3 : upper;
                int next = x0 + 1 < width ? 3 : 0;
                int at = offset + j * stride + i;
                for (int plane = 0; plane < 3; plane++) {
                    int c = 2 - plane;
                    float above = (rgb[upper + c] & 0xFF) * (1 - fx) + (rgb[upper + next + c] & 0xFF) * fx;
                    float below = (rgb[lower + c] & 0xFF) * (1 - fx) + (rgb[lower + next + c] & 0xFF) * fx;
                    float value = (above * (1 - fy) + below * fy) / 255;
                    planes[at + plane * rows * stride] = (value - mean[plane]) / deviation[plane];
                }
            }
        }
    }
}
