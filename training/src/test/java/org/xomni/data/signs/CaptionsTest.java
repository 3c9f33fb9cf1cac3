package org.xomni.data.signs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class CaptionsTest {
    private static final SignsWorld WORLD = new SignsWorld(11, Split.TRAIN, SignsWorld.Tasks.GENERATION);
    private static final int MANY = 3000;
    private static final Map<String, Colour> COLOURS = Stream.concat(
                    Stream.of(Map.entry("violet", Colour.PURPLE)),
                    Stream.of(Colour.values()).map(c -> Map.entry(c.word(), c)))
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    private static final Map<String, Integer> COUNTS = Map.of("a", 1, "an", 1, "two", 2, "2", 2, "three", 3, "3", 3, "four", 4, "4", 4);
    private static final Map<String, Shape.Kind> KINDS = Map.of("circle", Shape.Kind.CIRCLE, "dot", Shape.Kind.CIRCLE, "square",
            Shape.Kind.SQUARE, "triangle", Shape.Kind.TRIANGLE, "star", Shape.Kind.STAR);

    private static final Set<String> FRAMES = Set.of("border", "frame", "framed", "edge", "outline");

    @Test
    void aCompleteCaptionSaysAllThereIsAndNothingElse() {
        for (int i = 0; i < MANY; i++) {
            Scene scene = WORLD.scene(i);
            if (saysWordsOfCaptions(scene)) {
                continue;
            }
            for (String caption : List.of(
                    Captions.complete(scene, new SplittableRandom(i)), Captions.description(scene, new SplittableRandom(i)))) {
                assertThat(coloursIn(caption, scene)).as(caption).isEqualTo(coloursOf(scene));
                assertThat(shapesIn(caption, scene)).as(caption).isEqualTo(shapesOf(scene));
                assertThat(Stream.of(words(caption, scene)).anyMatch(FRAMES::contains)).as(caption).isEqualTo(scene.border().isPresent());
                scene.text().ifPresent(t -> {
                    int from = 0;
                    for (String line : t.lines()) {
                        from = caption.indexOf(line, from) + line.length();
                        assertThat(from).as("%s in: %s", line, caption).isGreaterThanOrEqualTo(line.length());
                    }
                    if (t.row() != Place.Row.MIDDLE) {
                        assertThat(caption).containsIgnoringCase(t.row() == Place.Row.TOP ? "top" : "bottom");
                    }
                });
            }
        }
    }

    @Test
    void whatAnIncompleteCaptionSaysIsTrue() {
        int shorter = 0;
        for (int i = 0; i < MANY; i++) {
            Scene scene = WORLD.scene(i);
            if (saysWordsOfCaptions(scene)) {
                continue;
            }
            String caption = Captions.any(scene, new SplittableRandom(i));
            assertThat(coloursOf(scene)).as(caption).containsAll(coloursIn(caption, scene));
            assertThat(shapesOf(scene)).as(caption).containsAllEntriesOf(shapesIn(caption, scene));
            shorter += coloursIn(caption, scene).equals(coloursOf(scene)) ? 0 : 1;
            if (caption.matches(".*(blank|plain|no text|without text).*")) {
                assertThat(scene.text()).as(caption).isEmpty();
            }
        }
        assertThat(shorter).isBetween(MANY / 10, MANY * 35 / 100);
    }

    @Test
    void theWordingVaries() {
        Scene scene = new Scene(128, 128, Colour.BLUE, Optional.empty(),
                Optional.of(new Scene.Text(List.of("OPEN"), Colour.WHITE, Place.Row.MIDDLE)), List.of());
        Set<String> captions = IntStream.range(0, 5000)
                .mapToObj(i -> Captions.any(scene, new SplittableRandom(i)))
                .collect(Collectors.toSet());
        assertThat(captions).hasSizeGreaterThan(1500).anyMatch(c -> c.equalsIgnoreCase("a blue sign that says \"OPEN\" in white letters"));
        assertThat(captions).anyMatch(c -> c.matches("Draw a blue ([a-z]+ )?sign saying OPEN"));
        assertThat(Captions.WORDING.size("caption")).isGreaterThanOrEqualTo(20);
        assertThat(Captions.any(scene, new SplittableRandom(1))).isEqualTo(Captions.any(scene, new SplittableRandom(1)));
        assertThat(IntStream.range(0, 300).mapToObj(i -> Captions.request(scene, new SplittableRandom(i))))
                .allMatch(c -> c.toLowerCase(Locale.ROOT).matches(
                        "(draw|create|make|generate|paint|design|show|give|render|please|i (want|need|would)|can you|could you) .*"));
    }

    @Test
    void oneQuoteIsBrokenWhereALineIsFull() {
        assertThat(Scene.wrap("OPEN LATE", 8)).containsExactly("OPEN", "LATE");
        assertThat(Scene.wrap("OPEN LATE", 10)).containsExactly("OPEN LATE");
        assertThat(Scene.wrap("NO DOGS IN HERE", 8)).containsExactly("NO DOGS", "IN HERE");
        Scene wide = new Scene(96, 160, Colour.BLUE, Optional.empty(),
                Optional.of(new Scene.Text(List.of("OPEN", "LATE"), Colour.WHITE, Place.Row.MIDDLE)), List.of());
        // Both words would fit into one line: only quotes of their own keep them apart.
        assertThat(IntStream.range(0, 500).mapToObj(i -> Captions.any(wide, new SplittableRandom(i))).filter(c -> c.contains("OPEN")))
                .isNotEmpty()
                .noneMatch(c -> c.contains("OPEN LATE"));
    }

    private static Set<Colour> coloursOf(Scene scene) {
        Set<Colour> all = new TreeSet<>(Set.of(scene.background()));
        scene.text().ifPresent(t -> all.add(t.colour()));
        scene.border().ifPresent(all::add);
        scene.shapes().forEach(s -> all.add(s.colour()));
        return all;
    }

    private static Set<Colour> coloursIn(String caption, Scene scene) {
        return Stream.of(words(caption, scene))
                .filter(COLOURS::containsKey)
                .map(COLOURS::get).collect(Collectors.toCollection(TreeSet::new));
    }

    /** How many shapes there are of each kind and colour. */
    private static Map<String, Integer> shapesOf(Scene scene) {
        return scene.shapes().stream().collect(Collectors.toMap(s -> s.colour() + " " + s.kind(), s -> 1, Integer::sum));
    }

    private static Map<String, Integer> shapesIn(String caption, Scene scene) {
        String[] words = words(caption, scene);
        return IntStream.range(2, words.length)
                .filter(i -> KINDS.containsKey(singular(words[i])))
                .boxed()
                .collect(Collectors.toMap(
                        i -> COLOURS.get(words[i - 1]) + " " + KINDS.get(singular(words[i])), i -> COUNTS.get(words[i - 2]), Integer::sum));
    }

    /** Of signs that say "black" or "two stars" a test cannot tell whether the sign or the caption does. */
    private static boolean saysWordsOfCaptions(Scene scene) {
        return scene.text().stream()
                .flatMap(t -> t.words().stream())
                .map(w -> singular(w.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "")))
                .anyMatch(w -> COLOURS.containsKey(w) || COUNTS.containsKey(w) || KINDS.containsKey(w) || FRAMES.contains(w)
                        || w.equals("top") || w.equals("bottom"));
    }

    private static String singular(String word) {
        return word.endsWith("s") ? word.substring(0, word.length() - 1) : word;
    }

    /** The caption's own words, without the text of the sign. */
    private static String[] words(String caption, Scene scene) {
        String own = caption;
        Set<String> hidden = new HashSet<>(scene.text().map(Scene.Text::lines).orElse(List.of()));
        scene.text().ifPresent(t -> hidden.add(t.joined()));
        for (String line : hidden.stream().sorted((a, b) -> b.length() - a.length()).toList()) {
            // Quoted, or not within another word.
            own = own.replaceAll("(?<![A-Za-z0-9])" + Pattern.quote(line) + "(?![A-Za-z0-9])", "_");
        }
        return own.toLowerCase(Locale.ROOT).split("[^a-z0-9_]+");
    }
}
