package org.xomni.data.signs;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Random scenes. Nine in ten have text, a quarter have a border; beside text stand no shapes, up to three single ones, or two to four
 * that are alike, so that there is something to count.
 */
final class Scenes {
    private Scenes() {}

    /** What a scene has. It is drawn once, so that combinations being held out changes colours, not how much is on a sign. */
    private record Plan(boolean border, boolean text, boolean shapes) {}

    /** A scene of a size that belongs to the split. */
    static Scene random(Split split, int height, int width, RandomGenerator random) {
        boolean text = random.nextInt(10) != 0;
        Plan plan = new Plan(random.nextInt(4) == 0, text, !text || random.nextInt(100) < 55);
        while (true) {
            Scene scene = draw(plan, split, height, width, random);
            if (split.holds(scene)) {
                return scene;
            }
        }
    }

    private static Scene draw(Plan plan, Split split, int height, int width, RandomGenerator random) {
        Colour background = any(Colour.BACKGROUNDS, random);
        Optional<Colour> border = plan.border ? Optional.of(any(visible(background), random)) : Optional.empty();
        Optional<Scene.Text> text =
                plan.text ? Optional.of(text(split, background, height, width, plan.border, random)) : Optional.empty();
        List<Shape> shapes = plan.shapes ? shapes(background, text, height, width, plan.border, random) : List.of();
        return new Scene(height, width, background, border, text, shapes);
    }

    private static Scene.Text text(Split split, Colour background, int height, int width, boolean border, RandomGenerator random) {
        List<String> lines = Words.lines(split.words(), Scene.maxCharacters(width, border), Scene.maxLines(height, border), random);
        Place.Row row = random.nextInt(2) == 0 ? Place.Row.MIDDLE : any(List.of(Place.Row.values()), random);
        Colour colour = any(Colour.TEXTS.stream().filter(c -> c.isLegibleOn(background)).toList(), random);
        Scene.Text middle = new Scene.Text(lines, colour, Place.Row.MIDDLE);
        Scene.Text text = new Scene.Text(lines, colour, row);
        // Text that fills the height stands in the middle, whatever was drawn: captions and questions name the place.
        boolean same = Scene.cellsOf(text, height, width, border).equals(Scene.cellsOf(middle, height, width, border));
        return same ? middle : text;
    }

    /** Places that the text leaves free. */
    private static List<Place> free(Optional<Scene.Text> text, int height, int width, boolean border) {
        List<Cells> lines = text.map(t -> Scene.cellsOf(t, height, width, border)).orElse(List.of());
        return Place.ALL.stream()
                .filter(p -> lines.stream().noneMatch(Scene.cellsOf(p, height, width, border)::overlaps))
                .toList();
    }

    private static List<Shape> shapes(
            Colour background, Optional<Scene.Text> text, int height, int width, boolean border, RandomGenerator random) {
        // On a small sign with a border neighbouring places share cells: of those the first stays.
        List<Place> places = new ArrayList<>();
        for (Place place : group(free(text, height, width, border), random)) {
            Cells cells = Scene.cellsOf(place, height, width, border);
            if (places.stream().noneMatch(p -> Scene.cellsOf(p, height, width, border).overlaps(cells))) {
                places.add(place);
            }
        }
        boolean alike = random.nextInt(5) < 2;
        int count = Math.min(places.size(), alike ? 4 : 1 + random.nextInt(3));
        Shape.Kind kind = any(List.of(Shape.Kind.values()), random);
        Colour colour = any(visible(background), random);
        List<Shape> shapes = new ArrayList<>();
        for (Place place : places.subList(0, count)) {
            shapes.add(new Shape(
                    alike ? kind : any(List.of(Shape.Kind.values()), random), alike ? colour : any(visible(background), random), place));
        }
        return shapes;
    }

    /** Free places in the order in which shapes take them: a row, a column, the corners, or any. */
    private static List<Place> group(List<Place> free, RandomGenerator random) {
        List<Place> some = switch (random.nextInt(4)) {
            case 0 -> {
                Place.Row row = any(List.of(Place.Row.values()), random);
                yield free.stream().filter(p -> p.row() == row).toList();
            }
            case 1 -> {
                Place.Column column = any(List.of(Place.Column.values()), random);
                yield free.stream().filter(p -> p.column() == column).toList();
            }
            case 2 -> free.stream().filter(Place::isCorner).toList();
            default -> free;
        };
        List<Place> order = new ArrayList<>(some.isEmpty() ? free : some);
        for (int i = order.size() - 1; i > 0; i--) {
            Collections.swap(order, i, random.nextInt(i + 1));
        }
        return order;
    }

    private static List<Colour> visible(Colour background) {
        return Colour.SHAPES.stream().filter(c -> c.standsOutFrom(background)).toList();
    }

    private static <T> T any(List<T> list, RandomGenerator random) {
        return list.get(random.nextInt(list.size()));
    }
}
