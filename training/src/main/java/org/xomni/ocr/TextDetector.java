package org.xomni.ocr;

import java.util.ArrayList;
import java.util.List;
import org.xomni.image.Pixels;

/** Finds lines of text: DBNet as PP-OCR trained it. */
final class TextDetector implements AutoCloseable {
    private static final String MODEL = "models/ch_PP-OCRv4_det_infer.onnx";
    private static final float[] MEAN = {.485f, .456f, .406f};
    private static final float[] DEVIATION = {.229f, .224f, .225f};

    /** The network halves its input five times. */
    private static final int GRAIN = 32;

    private final Onnx model;
    private final DetectionScale scale;

    TextDetector(int threads, DetectionScale scale) {
        this.model = Onnx.load(MODEL, threads);
        this.scale = scale;
    }

    /** The boxes of lines in a picture, in its pixels, in no order. */
    List<TextBox> find(Pixels picture) {
        double zoom = scale.zoom(picture.height(), picture.width());
        int margin = scale.margin();
        int rows = grain(picture.height() * zoom + 2 * margin);
        int columns = grain(picture.width() * zoom + 2 * margin);
        // Rounding up to the grain goes to all sides alike, as margin, so that the picture keeps its proportions.
        double left = (columns - picture.width() * zoom) / 2;
        double top = (rows - picture.height() * zoom) / 2;
        float[] planes = new float[3 * rows * columns];
        new Patch(-left / zoom, -top / zoom, 1 / zoom, 0, 0, 1 / zoom).sample(picture, planes, 0, rows, columns, columns, MEAN, DEVIATION);
        Onnx.Output map = model.run(planes, 1, 3, rows, columns);
        List<TextBox> boxes = new ArrayList<>();
        for (TextBox box : TextRegions.find(map.values(), rows, columns)) {
            boxes.add(new TextBox(
                    (box.centerX() - left) / zoom, (box.centerY() - top) / zoom, box.width() / zoom, box.height() / zoom, box.radians()));
        }
        return boxes;
    }

    private static int grain(double length) {
        return Math.max(1, (int) Math.ceil(length / GRAIN)) * GRAIN;
    }

    @Override
    public void close() {
        model.close();
    }
}
