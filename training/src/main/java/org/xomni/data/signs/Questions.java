package org.xomni.data.signs;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.xomni.data.signs.Question.Topic;

/** Questions about scenes and their answers ({@code questions.txt}). Each question has one right answer. */
public final class Questions {
    static final Wording WORDING = Wording.read("questions.txt");

    private Questions() {}

    /** Asks for the text of a scene that has some; lines are joined by spaces. */
    public static Question reading(Scene scene, RandomGenerator random) {
        return new Question(Topic.TEXT, WORDING.say("text", random), scene.text().orElseThrow().joined());
    }

    /** Asks for a complete description. */
    public static Question describe(Scene scene, RandomGenerator random) {
        return new Question(Topic.DESCRIPTION, WORDING.say("describe", random), Captions.description(scene, random));
    }

    /** Different questions about a scene, about text, colours, border, shapes, counts and places. */
    public static List<Question> some(Scene scene, int count, RandomGenerator random) {
        List<Question> all = all(scene, random);
        List<Question> some = new ArrayList<>();
        while (some.size() < count && !all.isEmpty()) {
            some.add(all.remove(random.nextInt(all.size())));
        }
        return List.copyOf(some);
    }

    /** One question of each sort that the scene allows. */
    static List<Question> all(Scene scene, RandomGenerator random) {
        List<Question> all = new ArrayList<>();
        all.add(ask(Topic.BACKGROUND, "background", scene.background().word(), random));
        all.add(ask(Topic.BORDER, "border", yes(scene.border().isPresent(), random), random));
        scene.border().ifPresent(c -> all.add(ask(Topic.BORDER, "border colour", c.word(), random)));
        scene.text().ifPresent(text -> aboutText(text, scene, all, random));
        aboutShapes(scene, all, random);
        return all;
    }

    private static void aboutText(Scene.Text text, Scene scene, List<Question> all, RandomGenerator random) {
        all.add(reading(scene, random));
        all.add(ask(Topic.TEXT_COLOUR, "text colour", text.colour().word(), random));
        all.add(ask(Topic.LINES, "lines", Integer.toString(text.lines().size()), random));
        all.add(ask(Topic.TEXT_PLACE, "text place", answer(new Place(text.row(), Place.Column.CENTER), random), random));
        if (text.lines().size() > 1) {
            int line = random.nextInt(text.lines().size());
            String ordinal = WORDING.say("ordinal." + (line + 1), random);
            all.add(new Question(Topic.TEXT, WORDING.say("line", Map.of("ordinal", ordinal), random), text.lines().get(line)));
        }
    }

    private static void aboutShapes(Scene scene, List<Question> all, RandomGenerator random) {
        List<Shape> shapes = scene.shapes();
        all.add(ask(Topic.COUNT, "shapes", Integer.toString(shapes.size()), random));
        // Half the time about something that is there.
        Shape other = new Shape(any(List.of(Shape.Kind.values()), random), any(Colour.SHAPES, random), any(Place.ALL, random));
        Shape shape = shapes.isEmpty() || random.nextBoolean() ? other : any(shapes, random);
        String kind = shape.kind().word();
        String both = shape.colour().word() + " " + kind;
        boolean coloured = random.nextBoolean();
        long count = shapes.stream().filter(s -> s.kind() == shape.kind() && (!coloured || s.colour() == shape.colour())).count();
        all.add(ask(Topic.COUNT, "count", "what", coloured ? plural(both) : plural(kind), Long.toString(count), random));
        all.add(ask(Topic.SHAPE, "is there", "what", coloured ? both : kind, yes(count > 0, random), random));
        if (!shapes.isEmpty()) {
            Shape one = any(shapes, random);
            aboutOne(one, shapes, all, random);
        }
        Place place = any(Place.ALL, random);
        Cells cells = Scene.cellsOf(place, scene.height(), scene.width(), scene.border().isPresent());
        boolean empty = scene.textCells().stream().noneMatch(cells::overlaps)
                && shapes.stream().noneMatch(s -> scene.cells(s).overlaps(cells));
        if (empty && !shapes.isEmpty()) {
            all.add(ask(Topic.PLACE, "shape at", "place", Captions.place(place, random), WORDING.say("answer.nothing", random), random));
        }
    }

    private static void aboutOne(Shape shape, List<Shape> shapes, List<Question> all, RandomGenerator random) {
        String kind = shape.kind().word();
        if (shapes.stream().filter(s -> s.kind() == shape.kind()).count() == 1) {
            all.add(ask(Topic.SHAPE, "colour of", "what", kind, shape.colour().word(), random));
            all.add(ask(Topic.PLACE, "where", "what", kind, answer(shape.place(), random), random));
        } else if (shapes.stream().filter(s -> s.kind() == shape.kind() && s.colour() == shape.colour()).count() == 1) {
            String both = shape.colour().word() + " " + kind;
            all.add(ask(Topic.PLACE, "where", "what", both, answer(shape.place(), random), random));
        }
        String object = WORDING.say("answer.object", Map.of("colour", shape.colour().word(), "kind", kind), random);
        String an = Captions.withArticles(object);
        all.add(ask(Topic.PLACE, "shape at", "place", Captions.place(shape.place(), random), an, random));
    }

    private static Question ask(Topic topic, String symbol, String answer, RandomGenerator random) {
        return new Question(topic, WORDING.say(symbol, random), answer);
    }

    private static Question ask(Topic topic, String symbol, String slot, String content, String answer, RandomGenerator random) {
        String question = WORDING.say(symbol, Map.of(slot, content), random);
        return new Question(topic, Captions.withArticles(question), answer);
    }

    private static String yes(boolean yes, RandomGenerator random) {
        return WORDING.say(yes ? "answer.yes" : "answer.no", random);
    }

    private static String answer(Place place, RandomGenerator random) {
        return WORDING.say("answer." + place.row() + "." + place.column(), random);
    }

    private static String plural(String what) {
        return what + "s";
    }

    private static <T> T any(List<T> list, RandomGenerator random) {
        return list.get(random.nextInt(list.size()));
    }
}
