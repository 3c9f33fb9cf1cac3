package org.xomni.rl.reward;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import org.xomni.data.signs.Scene;
import org.xomni.eval.SeenSign;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextAccuracy;
import org.xomni.ocr.TextBox;
import org.xomni.ocr.TextLine;
import org.xomni.ocr.TextReader;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;

/**
 * Whether a picture has the text that was asked for: all that is read in it against all that was asked ({@link TextAccuracy}), so that extra, missing and
 * repeated text cost alike and no substring earns anything. To this comes a smoother part, which moves before letters change: how probable the asked lines
 * are to the recogniser, each where it fits best, per character and in the geometric mean.
 *
 * <p>Judges prompts that say what shall be written. 0..1.
 */
public final class OcrAccuracy implements Reward {
    private final TextReader reader;
    private final double likelihood;
    private final Threads threads;

    /**
     * @param reader is this reward's, which closes it
     * @param likelihood share of the smoother part, 0..1
     * @param threads pictures that are read at once
     */
    public OcrAccuracy(TextReader reader, double likelihood, int threads) {
        check(likelihood, threads);
        this.reader = reader;
        this.likelihood = likelihood;
        this.threads = new Threads("ocr", threads);
    }

    static void check(double likelihood, int threads) {
        if (!(likelihood >= 0 && likelihood <= 1) || threads < 1) {
            throw new InputException("likelihood " + likelihood + " must be a share from 0 to 1, and threads " + threads + " at least 1");
        }
    }

    @Override
    public boolean judges(Prompt prompt) {
        return prompt.written().isPresent();
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        return threads.score(drawn, this::score);
    }

    private double score(Drawn drawn) {
        Pixels picture = drawn.prompt().scene().map(scene -> new SeenSign(drawn.picture(), scene).withoutShapes()).orElse(drawn.picture());
        String asked = drawn.prompt().written().orElse("");
        List<TextLine> lines = reader.read(picture);
        double accuracy = TextAccuracy.of(String.join("\n", lines.stream().map(TextLine::text).toList()), asked);
        return likelihood == 0 ? accuracy : (1 - likelihood) * accuracy + likelihood * likelihood(picture, drawn.prompt(), lines, asked);
    }

    /** The mean over asked lines of the probability per character, each line where it fits best. */
    private double likelihood(Pixels picture, Prompt prompt, List<TextLine> found, String asked) {
        List<TextBox> boxes = prompt.scene().map(OcrAccuracy::boxes).orElse(found.stream().map(TextLine::box).toList());
        List<String> lines = asked.lines().toList();
        if (boxes.isEmpty() || lines.isEmpty()) {
            return 0;
        }
        double[][] logs = reader.logLikelihoods(picture, boxes, lines);
        double sum = 0;
        for (int line = 0; line < lines.size(); line++) {
            int at = line;
            double best = Arrays.stream(logs).flatMapToDouble(box -> DoubleStream.of(box[at])).max().orElse(Double.NEGATIVE_INFINITY);
            sum += Math.exp(best / lines.get(line).codePointCount(0, lines.get(line).length()));
        }
        return sum / lines.size();
    }

    /** Where a sign has its lines. */
    private static List<TextBox> boxes(Scene scene) {
        return scene.textCells().stream()
                .map(c -> TextBox.of(
                        c.left() * (double) Scene.CELL, c.top() * (double) Scene.CELL, c.right() * (double) Scene.CELL, c.bottom() * (double) Scene.CELL))
                .toList();
    }

    @Override
    public void close() {
        reader.close();
    }
}
