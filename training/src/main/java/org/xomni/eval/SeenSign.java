package org.xomni.eval;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.Pixels;

/**
 * A picture of the signs world beside the scene that was asked for: all that can be judged of it without reading, by {@link SignsGeometry}. Takes a fraction of
 * the time of {@link SignsScorer#score}.
 *
 * <p>Captions name the place of each shape that is alone of its kind and colour. Of several that are alike they say the count and the
 * row, column or corners that these have in common, if any: each of these places will do then.
 */
public final class SeenSign {
    private final Scene asked;
    private final SignsGeometry geometry;
    private final List<SeenShape> shapes;

    /**
     * Looks at a picture.
     *
     * @throws org.xomni.tensor.InputException if it has not the size of the scene
     */
    public SeenSign(Pixels picture, Scene asked) {
        this.asked = asked;
        this.geometry = new SignsGeometry(picture, asked);
        this.shapes = geometry.shapes();
    }

    /**
     * Colours, border and shapes, each 0..1.
     *
     * @return in the order of the aspects
     */
    public Map<Aspect, Double> looks() {
        Map<Aspect, Double> values = new EnumMap<>(Aspect.class);
        values.put(Aspect.BACKGROUND, is(geometry.background() == asked.background()));
        values.put(Aspect.BORDER, is(geometry.border().equals(asked.border())));
        scoreShapes(values);
        asked.text().ifPresent(text -> values.put(Aspect.TEXT_COLOUR, is(geometry.textColour(shapes).equals(Optional.of(text.colour())))));
        return values;
    }

    /**
     * Whether text stands at the height that was asked for, by what stands out from the ground: 1 or 0.
     *
     * @throws java.util.NoSuchElementException if no text was asked for
     */
    public double textPlace() {
        return is(geometry.textStandsAtItsHeight(shapes));
    }

    /** The picture without the shapes that are found in it, which could be read as letters. */
    public Pixels withoutShapes() {
        return geometry.without(shapes);
    }

    private void scoreShapes(Map<Aspect, Double> values) {
        List<Shape> seen = shapes.stream().map(SeenShape::shape).toList();
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
