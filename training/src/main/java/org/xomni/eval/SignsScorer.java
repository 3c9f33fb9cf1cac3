package org.xomni.eval;

import java.util.List;
import java.util.Map;
import org.xomni.data.signs.Cells;
import org.xomni.data.signs.Scene;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextAccuracy;
import org.xomni.ocr.TextLine;
import org.xomni.ocr.TextReader;

/** Scores pictures of the signs world: text by recognition, everything else by {@link SeenSign}. */
public final class SignsScorer {
    private final TextReader reader;

    /** @param reader stays the caller's, who closes it */
    public SignsScorer(TextReader reader) {
        this.reader = reader;
    }

    /**
     * Scores a picture. Several threads may do so at once.
     *
     * @throws org.xomni.tensor.InputException if the picture has not the size of the scene
     */
    public SignsScore score(Pixels picture, Scene asked) {
        SeenSign seen = new SeenSign(picture, asked);
        Map<Aspect, Double> values = seen.looks();
        List<TextLine> lines = reader.read(seen.withoutShapes());
        String read = String.join("\n", lines.stream().map(TextLine::text).toList());
        asked.text().ifPresentOrElse(
                text -> {
                    values.put(Aspect.TEXT_ACCURACY, TextAccuracy.of(read, text.joined()));
                    values.put(Aspect.TEXT_EXACT, is(TextAccuracy.exact(read, text.joined())));
                    values.put(Aspect.TEXT_PLACE, is(standsAtItsHeight(lines, asked.textCells())));
                },
                () -> values.put(Aspect.NO_TEXT, is(read.isEmpty())));
        return new SignsScore(values, read);
    }

    private static boolean standsAtItsHeight(List<TextLine> lines, List<Cells> asked) {
        if (lines.isEmpty()) {
            return false;
        }
        double top = lines.stream().mapToDouble(l -> l.box().top()).min().orElseThrow();
        double bottom = lines.stream().mapToDouble(l -> l.box().bottom()).max().orElseThrow();
        double middle = (asked.getFirst().top() + asked.getLast().bottom()) * Scene.CELL / 2.0;
        return Math.abs((top + bottom) / 2 - middle) <= Scene.CELL / 2.0;
    }

    private static double is(boolean right) {
        return right ? 1 : 0;
    }
}
