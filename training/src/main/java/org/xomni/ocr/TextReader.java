package org.xomni.ocr;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.xomni.image.Pixels;

/**
 * Reads the text in pictures: finds lines, recognises them, and puts them in reading order. Knows English and Chinese. Several threads
 * may use one reader at once.
 *
 * <p>A sign of 128x128 takes about 40 ms of one core that is shared with training. Letters that look alike out of context (O and 0, l, I
 * and 1) are sometimes taken for each other.
 */
public final class TextReader implements AutoCloseable {
    /** A box this much higher than wide may be a line on its side. */
    private static final double UPRIGHT = 1.5;

    /** Lines turned by less than this, in radians, can be cut as if they were upright. */
    private static final double LEVEL = .1;

    private final TextDetector detector;
    private final TextRecognizer recognizer;

    /** A reader on one thread, for pictures of any size. */
    public TextReader() {
        this(1, DetectionScale.DEFAULT);
    }

    /**
     * @param threads that work on one picture
     * @throws org.xomni.tensor.XOmniException if the models are not on the class path
     */
    public TextReader(int threads, DetectionScale scale) {
        this.detector = new TextDetector(threads, scale);
        this.recognizer = new TextRecognizer(threads);
    }

    /** The lines of text in a picture, from top to bottom and in a row from left to right. */
    public List<TextLine> read(Pixels picture) {
        List<TextLine> lines = new ArrayList<>();
        readingOrder(detector.find(picture)).forEach(row -> lines.addAll(readKnownLines(picture, row)));
        return lines;
    }

    /** The text in a picture: rows from top to bottom, separated by line feeds; parts of a row by spaces. */
    public String text(Pixels picture) {
        List<String> rows = new ArrayList<>();
        for (List<TextBox> row : readingOrder(detector.find(picture))) {
            List<String> parts = readKnownLines(picture, row).stream().map(TextLine::text).toList();
            if (!parts.isEmpty()) {
                rows.add(String.join(" ", parts));
            }
        }
        return String.join("\n", rows);
    }

    /**
     * Recognises lines whose place is known; detects nothing.
     *
     * @return in the order of the boxes, without those in which nothing can be read
     */
    public List<TextLine> readKnownLines(Pixels picture, List<TextBox> boxes) {
        // A high, narrow box is one upright character or a line on its side, then of several characters: the surer reading wins.
        List<Integer> narrow = IntStream.range(0, boxes.size())
                .filter(i -> boxes.get(i).height() >= UPRIGHT * boxes.get(i).width())
                .boxed()
                .toList();
        List<TextBox> both = new ArrayList<>(boxes);
        narrow.forEach(i -> both.add(boxes.get(i).onItsSide()));
        List<TextLine> readings = recognise(picture, both);
        List<TextLine> lines = new ArrayList<>();
        for (int i = 0; i < boxes.size(); i++) {
            TextLine upright = readings.get(i);
            TextLine onItsSide = narrow.contains(i) ? readings.get(boxes.size() + narrow.indexOf(i)) : upright;
            boolean isOnItsSide = onItsSide.text().length() > 1 && onItsSide.confidence() > upright.confidence();
            TextLine surer = isOnItsSide ? onItsSide : upright;
            if (!surer.text().isBlank()) {
                lines.add(surer);
            }
        }
        return lines;
    }

    private List<TextLine> recognise(Pixels picture, List<TextBox> boxes) {
        Characters characters = recognizer.characters();
        List<Ctc.Path> paths = recognizer.each(picture, boxes, (output, offset, steps) ->
                Ctc.best(output.values(), offset, steps, characters.count()));
        List<TextLine> lines = new ArrayList<>();
        for (int i = 0; i < boxes.size(); i++) {
            lines.add(new TextLine(boxes.get(i), characters.text(paths.get(i).classes()), paths.get(i).confidence()));
        }
        return lines;
    }

    /**
     * How probable each text is as the content of each box, whatever the case of its letters. It falls smoothly as letters decay, where
     * the best reading only jumps: a reward can be made of it.
     *
     * @return natural logarithms, boxes x texts; negative infinity where a text is too long for a box, or has an unknown character
     */
    public double[][] logLikelihoods(Pixels picture, List<TextBox> boxes, List<String> texts) {
        Characters characters = recognizer.characters();
        List<int[][]> classes = texts.stream().map(characters::anyCase).toList();
        return recognizer
                .each(picture, boxes, (output, offset, steps) -> classes.stream()
                        .mapToDouble(text -> Ctc.logLikelihood(output.values(), offset, steps, characters.count(), text))
                        .toArray())
                .toArray(double[][]::new);
    }

    /** Boxes in rows from top to bottom, each from left to right; a box belongs to a row when they share half of the lower one's height. */
    static List<List<TextBox>> readingOrder(List<TextBox> boxes) {
        List<List<TextBox>> rows = new ArrayList<>();
        for (TextBox box : boxes.stream().sorted(Comparator.comparingDouble(TextBox::centerY)).toList()) {
            TextBox before = rows.isEmpty() ? null : rows.getLast().getLast();
            if (before != null && overlap(before, box) >= .5) {
                rows.getLast().add(box);
            } else {
                rows.add(new ArrayList<>(List.of(box)));
            }
        }
        rows.forEach(row -> row.sort(Comparator.comparingDouble(TextBox::left)));
        rows.replaceAll(TextReader::apart);
        return rows;
    }

    /**
     * Cuts level boxes that overlap their neighbour in the middle of both: half a letter of the next word is read as a letter of its own.
     */
    private static List<TextBox> apart(List<TextBox> row) {
        List<TextBox> apart = new ArrayList<>();
        for (TextBox box : row) {
            TextBox before = apart.isEmpty() ? box : apart.getLast();
            double middle = (box.left() + before.right()) / 2;
            boolean level = Math.abs(before.radians()) < LEVEL && Math.abs(box.radians()) < LEVEL;
            if (before != box && level && box.left() < before.right() && before.left() < middle && middle < box.right()) {
                apart.set(apart.size() - 1, TextBox.of(before.left(), before.top(), middle, before.bottom()));
                apart.add(TextBox.of(middle, box.top(), box.right(), box.bottom()));
            } else {
                apart.add(box);
            }
        }
        return apart;
    }

    private static double overlap(TextBox a, TextBox b) {
        double common = Math.min(a.bottom(), b.bottom()) - Math.max(a.top(), b.top());
        return common / Math.min(a.bottom() - a.top(), b.bottom() - b.top());
    }

    @Override
    public void close() {
        detector.close();
        recognizer.close();
    }
}
