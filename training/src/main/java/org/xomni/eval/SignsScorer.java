package org.xomni.eval;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.xomni.data.signs.Cells;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextAccuracy;
import org.xomni.ocr.TextLine;
import org.xomni.ocr.TextReader;

/**
 * Scores pictures of the signs world: text by recognition, everything else by {@link SignsGeometry}.
 *
 * <p>Captions name the place of each shape that is alone of its kind and colour. Of several that are alike they say the count and the
 * row, column or corners that these have in common, if any: each of these places will do then.
 */
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
        SignsGeometry geometry = new SignsGeometry(picture, asked);
        List<SeenShape> seen = geometry.shapes();
        Map<Aspect, Double> values = looks(geometry, seen, asked);
        List<TextLine> lines = reader.read(geometry.without(seen));
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

    /**
     * Scores everything of a picture but what has to be read: colours, border and shapes. Takes a fraction of the time of {@link #score}.
     *
     * @throws org.xomni.tensor.InputException if the picture has not the size of the scene
     */
    public static Map<Aspect, Double> looks(Pixels picture, Scene asked) {
        SignsGeometry geometry = new SignsGeometry(picture, asked);
        return looks(geometry, geometry.shapes(), asked);
    }

    private static Map<Aspect, Double> looks(SignsGeometry geometry, List<SeenShape> seen, Scene asked) {
        Map<Aspect, Double> values = new EnumMap<>(Aspect.class);
        values.put(Aspect.BACKGROUND, is(geometry.background() == asked.background()));
        values.put(Aspect.BORDER, is(geometry.border().equals(asked.border())));
        scoreShapes(asked, seen.stream().map(SeenShape::shape).toList(), values);
        asked.text().ifPresent(text -> values.put(Aspect.TEXT_COLOUR, is(geometry.textColour(seen).equals(Optional.of(text.colour())))));
        return values;
    }

    /**
     * Whether text stands at the height that was asked for, without reading it: 1 or 0.
     *
     * @param asked has text
     * @throws org.xomni.tensor.InputException if the picture has not the size of the scene
     */
    public static double textPlace(Pixels picture, Scene asked) {
        SignsGeometry geometry = new SignsGeometry(picture, asked);
        return is(geometry.textStandsAtItsHeight(geometry.shapes()));
    }

    /**
     * A picture without the shapes that are found in it, which could be read as letters.
     *
     * @throws org.xomni.tensor.InputException if the picture has not the size of the scene
     */
    public static Pixels withoutShapes(Pixels picture, Scene asked) {
        SignsGeometry geometry = new SignsGeometry(picture, asked);
        return geometry.without(geometry.shapes());
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

    private static void scoreShapes(Scene asked, List<Shape> seen, Map<Aspect, Double> values) {
        int count = asked.shapes().size();
        if (count == 0) {
            values.put(Aspect.NO_SHAPE, is(seen.isEmpty()));
            return;
        }
        int kinds = 0;
        int colours = 0;
        int places = 0;
        List<Shape> left = new ArrayList<>(seen);
        for (Shape shape : fixedFirst(asked.shapes())) {
            Optional<Shape> found = left.stream()
                    .filter(s -> allowed(shape, asked.shapes()).contains(s.place()))
                    .min(Comparator.comparingInt(s -> (s.kind() == shape.kind() ? 0 : 1) + (s.colour() == shape.colour() ? 0 : 1)));
            if (found.isPresent()) {
                left.remove(found.get());
                places++;
                kinds += found.get().kind() == shape.kind() ? 1 : 0;
                colours += found.get().colour() == shape.colour() ? 1 : 0;
            }
        }
        values.put(Aspect.SHAPE_KIND, (double) kinds / count);
        values.put(Aspect.SHAPE_COLOUR, (double) colours / count);
        values.put(Aspect.POSITION, (double) places / count);
        values.put(Aspect.COUNT, is(seen.size() == count));
    }

    /** Shapes that may stand in one place only take theirs before the others choose. */
    private static List<Shape> fixedFirst(List<Shape> shapes) {
        return shapes.stream()
                .sorted(Comparator.comparingInt(s -> allowed(s, shapes).size()))
                .toList();
    }

    /** The places that a complete caption leaves to a shape. */
    private static List<Place> allowed(Shape shape, List<Shape> shapes) {
        List<Place> alike = shapes.stream()
                .filter(s -> s.kind() == shape.kind() && s.colour() == shape.colour())
                .map(Shape::place)
                .toList();
        if (alike.size() == 1) {
            return alike;
        }
        Place first = alike.getFirst();
        return Stream.<Predicate<Place>>of(p -> p.row() == first.row(), p -> p.column() == first.column(), Place::isCorner)
                .filter(common -> alike.stream().allMatch(common))
                .findFirst()
                .map(common -> Place.ALL.stream().filter(common).toList())
                .orElse(Place.ALL);
    }

    private static double is(boolean right) {
        return right ? 1 : 0;
    }
}
