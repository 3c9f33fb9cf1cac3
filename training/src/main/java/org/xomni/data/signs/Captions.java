package org.xomni.data.signs;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;

/**
 * Prompts for scenes, in varied wording ({@code wording.txt}). What a caption says is true of its scene, and text is spelt as it is
 * drawn. A <em>complete</em> caption says all there is: text, its place if it is not the middle, colours, border and each shape with
 * colour and place or count. One that is not leaves things out, which are then free.
 */
public final class Captions {
    static final Wording WORDING = Wording.read("wording.txt");

    /** The only word that is not in the wording: {@link #withArticles} puts it in. */
    static final String AN = "an";

    private static final Pattern ARTICLE = Pattern.compile("\\ba(?= (?:orange|image)\\b)");
    private static final int COMPLETE_PERCENT = 70;

    private Captions() {}

    /** What a caption mentions. */
    private record Told(
            boolean text, boolean background, boolean colour, boolean textPlace, boolean border, boolean shapes, boolean places) {
        static final Told ALL = new Told(true, true, true, true, true, true, true);

        /** Half of the time what a hurried user would say: the text, the background and perhaps the text's colour. */
        static Told some(Scene scene, RandomGenerator random) {
            boolean written = scene.text().isPresent();
            if (written && random.nextBoolean()) {
                return new Told(true, random.nextInt(10) < 8, random.nextInt(10) < 3, false, false, false, false);
            }
            boolean text = written && random.nextInt(100) < 93;
            boolean background = random.nextInt(100) < 60;
            // Without text, background and shapes nothing would be left to ask for.
            boolean shapes = !scene.shapes().isEmpty() && (random.nextInt(100) < 70 || !text && !background);
            return new Told(text, background || !text && !shapes, random.nextInt(100) < 60, random.nextInt(100) < 60,
                    random.nextInt(100) < 60, shapes, random.nextInt(100) < 60);
        }
    }

    /** How a caption speaks. */
    private enum Style {
        /** Anything a user might write. */
        PROMPT,
        /** Asks for a picture in a conversation. */
        REQUEST,
        /** Says what is there, in double quotes. */
        DESCRIPTION
    }

    /** A complete prompt: what held-out evaluation asks for. */
    public static String complete(Scene scene, RandomGenerator random) {
        return write(scene, Told.ALL, Style.PROMPT, random);
    }

    /** A prompt for training; 70% are complete. */
    public static String any(Scene scene, RandomGenerator random) {
        return write(scene, told(scene, random), Style.PROMPT, random);
    }

    /** A request to draw, as a user makes it in a conversation; 70% are complete. */
    public static String request(Scene scene, RandomGenerator random) {
        return write(scene, told(scene, random), Style.REQUEST, random);
    }

    /** A complete description of what is there, with the text in double quotes. */
    public static String description(Scene scene, RandomGenerator random) {
        return write(scene, Told.ALL, Style.DESCRIPTION, random);
    }

    private static Told told(Scene scene, RandomGenerator random) {
        return random.nextInt(100) < COMPLETE_PERCENT ? Told.ALL : Told.some(scene, random);
    }

    private static String write(Scene scene, Told told, Style style, RandomGenerator random) {
        Map<String, String> must = new HashMap<>();
        Map<String, String> may = new LinkedHashMap<>();
        boolean quoted = true;
        String text = "";
        if (told.background) {
            must.put("background", colour(scene.background(), random));
        }
        if (scene.text().isPresent() && told.text) {
            Scene.Text written = scene.text().get();
            String quotes = quotes(written, scene, style, random);
            quoted = !quotes.isEmpty();
            text = text(written, scene, quotes, must, random);
            if (told.colour) {
                must.put("colour", colour(written.colour(), random));
            }
            if (told.textPlace && (written.row() != Place.Row.MIDDLE || random.nextInt(10) == 0)) {
                may.put("place", WORDING.say("text." + written.row().name().toLowerCase(Locale.ROOT), random));
            }
        }
        if (scene.border().isPresent() && told.border) {
            may.put("border", colour(scene.border().get(), random));
        }
        if (!scene.shapes().isEmpty() && told.shapes) {
            may.put("objects", objects(scene.shapes(), told.places, random));
        }
        if (scene.text().isEmpty()) {
            may.put("silent", "");
            if (scene.shapes().isEmpty()) {
                may.put("bare", "");
            }
        }
        Wording.Said core = WORDING.say("caption", must, may, random);
        String caption = core.text() + rest(core, may, quoted && !text.isEmpty(), style, random);
        return finish(withArticles(caption), text, quoted, style, random);
    }

    /** What the core did not say: as more of the same sentence, or in further ones. */
    private static String rest(Wording.Said core, Map<String, String> may, boolean closed, Style style, RandomGenerator random) {
        Map<String, String> ask = style == Style.DESCRIPTION ? Map.of() : Map.of("ask", "");
        List<String> items = new ArrayList<>();
        StringBuilder sentences = new StringBuilder();
        for (Map.Entry<String, String> entry : may.entrySet()) {
            if (core.used().contains(entry.getKey())) {
                continue;
            }
            switch (entry.getKey()) {
                case "place" -> {
                    if (random.nextBoolean()) {
                        items.add(WORDING.say("with place", Map.of("place", entry.getValue()), random));
                    } else {
                        sentences.append(WORDING.say("text place", Map.of("place", entry.getValue()), ask, random).text());
                    }
                }
                case "border" -> items.add(WORDING.say("with border", Map.of("border", entry.getValue()), random));
                case "objects" -> items.add(entry.getValue());
                default -> { }
            }
        }
        if (items.isEmpty()) {
            return sentences.toString();
        }
        shuffle(items, random);
        boolean sentence = core.text().contains(". ");
        String symbol = closed && !sentence ? "with" : "with, set apart";
        return WORDING.say(symbol, Map.of("items", list(items)), ask, random).text() + sentences;
    }

    /** The verb in front, the capital, the full stop. */
    private static String finish(String caption, String text, boolean quoted, Style style, RandomGenerator random) {
        // Neither a capital nor a full stop may change how text without quotes is spelt.
        boolean mayEnd = quoted || !caption.endsWith(text);
        boolean ask = style == Style.REQUEST || style == Style.PROMPT && random.nextInt(100) < 40;
        if (ask) {
            String verb = WORDING.say("draw", random);
            boolean lower = random.nextInt(5) == 0 && !verb.startsWith("I ");
            String end = !mayEnd ? "" : verb.startsWith("Can") || verb.startsWith("Could") ? "?" : random.nextInt(4) == 0 ? "." : "";
            return (lower ? verb.substring(0, 1).toLowerCase(Locale.ROOT) + verb.substring(1) : verb) + " " + caption + end;
        }
        boolean capital = (style == Style.DESCRIPTION || random.nextBoolean()) && (quoted || !caption.startsWith(text));
        String end = mayEnd && (style == Style.DESCRIPTION || caption.contains(". ") || random.nextInt(6) == 0) ? "." : "";
        return (capital ? Character.toUpperCase(caption.charAt(0)) + caption.substring(1) : caption) + end;
    }

    /** Puts the text into a slot, and returns how it is written. */
    private static String text(Scene.Text text, Scene scene, String quotes, Map<String, String> slots, RandomGenerator random) {
        int maxCharacters = Scene.maxCharacters(scene.width(), scene.border().isPresent());
        boolean wrapped = Scene.wrap(text.joined(), maxCharacters).equals(text.lines());
        if (text.lines().size() == 1 || wrapped && (quotes.isEmpty() || random.nextInt(5) < 3)) {
            String written = quote(text.joined(), quotes);
            slots.put(text.words().size() == 1 && random.nextInt(10) < 3 ? "word" : "text", written);
            return written;
        }
        Map<String, String> lines = new HashMap<>();
        for (String line : text.lines()) {
            lines.put(Integer.toString(lines.size() + 1), quote(line, quotes));
        }
        String number = text.lines().size() == 2 ? "two" : "three";
        boolean list = random.nextInt(10) < 3;
        String written = WORDING.say(list ? "list of " + number + " lines" : number + " lines", lines, random);
        slots.put(list ? "lines" : "text", written);
        return written;
    }

    /** The two quotation marks, or nothing. Only what can be told from the words around it goes without. */
    private static String quotes(Scene.Text text, Scene scene, Style style, RandomGenerator random) {
        String joined = text.joined();
        boolean oneQuote = Scene.wrap(joined, Scene.maxCharacters(scene.width(), scene.border().isPresent())).equals(text.lines());
        boolean loud = joined.equals(joined.toUpperCase(Locale.ROOT));
        int percent = random.nextInt(100);
        if (style == Style.DESCRIPTION || text.joined().contains("'")) {
            return "\"\"";
        }
        if (oneQuote && percent < (loud ? 24 : text.words().size() == 1 ? 8 : 0)) {
            return "";
        }
        return percent < 86 ? "\"\"" : percent < 96 ? "''" : "\u201C\u201D";
    }

    private static String quote(String text, String quotes) {
        return quotes.isEmpty() ? text : quotes.charAt(0) + text + quotes.charAt(1);
    }

    /** All shapes: those that are alike together. */
    private static String objects(List<Shape> shapes, boolean places, RandomGenerator random) {
        Map<Shape, List<Place>> alike = new LinkedHashMap<>();
        for (Shape s : shapes) {
            alike.computeIfAbsent(new Shape(s.kind(), s.colour(), Place.ALL.getFirst()), k -> new ArrayList<>()).add(s.place());
        }
        List<String> phrases = new ArrayList<>();
        alike.forEach((shape, where) -> {
            String along = along(where);
            if (where.size() == 1 || where.size() == 2 && along.isEmpty() && random.nextInt(3) == 0) {
                where.forEach(place -> phrases.add(object(shape, random) + (places ? " " + place(place, random) : "")));
            } else {
                String several = WORDING.say("objects", Map.of(
                        "count", WORDING.say("count." + where.size(), random),
                        "colour", colour(shape.colour(), random),
                        "kinds", WORDING.say("kinds." + shape.kind().word(), random)), random);
                phrases.add(several + (places && !along.isEmpty() ? " " + WORDING.say("along." + along, random) : ""));
            }
        });
        shuffle(phrases, random);
        return list(phrases);
    }

    private static String object(Shape shape, RandomGenerator random) {
        Map<String, String> slots =
                Map.of("colour", colour(shape.colour(), random), "kind", WORDING.say("kind." + shape.kind().word(), random));
        return WORDING.say("object", slots, random);
    }

    /** Where a place is: {@code in the top left corner}. */
    static String place(Place place, RandomGenerator random) {
        return WORDING.say(("place." + place.row() + "." + place.column()).toLowerCase(Locale.ROOT), random);
    }

    /** The row, the column or the corners that places have in common, or nothing. */
    private static String along(List<Place> places) {
        Place first = places.getFirst();
        if (places.stream().allMatch(p -> p.row() == first.row())) {
            return first.row().name().toLowerCase(Locale.ROOT);
        }
        if (places.stream().allMatch(p -> p.column() == first.column())) {
            return first.column().name().toLowerCase(Locale.ROOT);
        }
        return places.stream().allMatch(Place::isCorner) ? "corners" : "";
    }

    /** Mends "a" before the two words of the world that begin with a vowel. */
    static String withArticles(String text) {
        return ARTICLE.matcher(text).replaceAll(AN);
    }

    private static String colour(Colour colour, RandomGenerator random) {
        return WORDING.say("colour." + colour.word(), random);
    }

    /** {@code a, b and c}. */
    private static String list(List<String> items) {
        String last = Objects.requireNonNull(items.getLast());
        return items.size() == 1 ? last : String.join(", ", items.subList(0, items.size() - 1)) + " and " + last;
    }

    private static void shuffle(List<String> items, RandomGenerator random) {
        for (int i = items.size() - 1; i > 0; i--) {
            Collections.swap(items, i, random.nextInt(i + 1));
        }
    }
}
