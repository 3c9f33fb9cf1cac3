package org.xomni.data.signs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

class SignsWorldTest {
    private static final SignsWorld.Tasks MIXED = new SignsWorld.Tasks(4, 1, 2, 1, 2);
    private static final SignsWorld TRAIN = new SignsWorld(7, Split.TRAIN, MIXED);
    private static final SignsWorld HELD_OUT = new SignsWorld(7, Split.HELD_OUT, MIXED);
    private static final SignsWorld PRACTICE = new SignsWorld(7, Split.PRACTICE, MIXED);
    private static final int MANY = 3000;

    @Test
    void aSampleDependsOnSeedSplitAndIndexOnly() {
        List<Sample> forwards = LongStream.range(0, 100).mapToObj(TRAIN::sample).toList();
        List<Sample> parallel = LongStream.range(0, 100).parallel().mapToObj(new SignsWorld(7, Split.TRAIN, MIXED)::sample).toList();
        assertThat(parallel).isEqualTo(forwards);
        assertThat(TRAIN.sample(99)).isEqualTo(forwards.get(99));
        assertThat(TRAIN.scene(5)).isNotEqualTo(TRAIN.scene(6));
        assertThat(new SignsWorld(8, Split.TRAIN, MIXED).sample(5)).isNotEqualTo(TRAIN.sample(5));
        assertThat(forwards.stream().map(Sample::key)).doesNotHaveDuplicates();
        assertThat(TRAIN.withTasks(SignsWorld.Tasks.GENERATION).scene(5)).isEqualTo(TRAIN.scene(5));
    }

    /** Weights are trained on these values: whoever changes one has to train again, and scores against the old ones mean nothing. */
    @Test
    void theWorldIsTheOneThatModelsHaveLearnt() {
        assertThat(Stream.of(Colour.values()).map(c -> "%s %d %d %d".formatted(c.word(), c.channel(0), c.channel(1), c.channel(2))))
                .containsExactly("red 214 40 40", "orange 247 127 0", "yellow 252 211 25", "green 34 139 60", "blue 32 92 228",
                        "purple 146 50 170", "white 255 255 255", "black 17 17 17");
        assertThat(Stream.of("open", "STOP", "Hello!", "sale").map(Split::of)).containsOnly(Split.TRAIN);
        assertThat(Stream.of("wolf", "ROAD", "Deluxe", "70%").map(Split::of)).containsOnly(Split.HELD_OUT);
    }

    @Test
    void thePictureIsThatOfTheScene() {
        for (int i = 0; i < 100; i++) {
            assertThat(TRAIN.sample(i).pictures()).containsExactly(new Picture.Raw(Painter.paint(TRAIN.scene(i))));
        }
    }

    @Test
    void noWordIsInBothHalves() {
        Set<String> train = scenes(TRAIN).flatMap(SignsWorldTest::folded).collect(Collectors.toSet());
        Set<String> heldOut = scenes(HELD_OUT).flatMap(SignsWorldTest::folded).collect(Collectors.toSet());
        assertThat(train).hasSizeGreaterThan(2000).doesNotContainAnyElementsOf(heldOut);
        assertThat(heldOut).hasSizeGreaterThan(1000);
        assertThat(Words.ENGLISH.stream().filter(w -> Split.of(w) == Split.HELD_OUT).count()).isGreaterThanOrEqualTo(200);
        assertThat(Words.ENGLISH).doesNotHaveDuplicates().hasSizeGreaterThan(1000);
        // Numbers and random letters too, not the listed words only.
        assertThat(heldOut).anyMatch(w -> w.matches("[0-9]+")).anyMatch(w -> w.matches("[a-z]+") && !Words.ENGLISH.contains(w));
    }

    @Test
    void practiceHasWordsOfTraining() {
        assertThat(scenes(PRACTICE).flatMap(SignsWorldTest::folded)).hasSizeGreaterThan(1000).allMatch(w -> Split.of(w) == Split.TRAIN);
    }

    /** What somebody asks for who knows nothing of the parts: most combinations are trained on, and some are not. */
    @Test
    void wordsCanBeHeldOutAlone() {
        SignsWorld world = new SignsWorld(7, Split.HELD_OUT_WORDS, MIXED);
        assertThat(scenes(world).flatMap(SignsWorldTest::folded)).hasSizeGreaterThan(1000).allMatch(w -> Split.of(w) == Split.HELD_OUT);
        Set<List<Object>> train = allCombinations(TRAIN);
        List<Scene> combined = scenes(world).filter(s -> !combinations(s).isEmpty()).toList();
        assertThat(combined.stream().filter(s -> train.containsAll(combinations(s))).count() / (double) combined.size()).isBetween(0.6, 0.9);
        assertThat(Stream.of(Split.values()).filter(Split::isHeldOut)).containsExactlyInAnyOrder(Split.HELD_OUT, Split.HELD_OUT_WORDS);
    }

    @Test
    void aSceneWithShapesHasACombinationThatTheOtherPartsNeverShow() {
        Set<List<Object>> train = allCombinations(TRAIN);
        Set<List<Object>> practice = allCombinations(PRACTICE);
        List<Scene> heldOut = scenes(HELD_OUT).filter(s -> !combinations(s).isEmpty()).toList();
        assertThat(heldOut).hasSizeGreaterThan(MANY / 3)
                .allSatisfy(s -> assertThat(combinations(s)).anyMatch(c -> !train.contains(c) && !practice.contains(c)));
        List<Scene> practised = scenes(PRACTICE).filter(s -> !combinations(s).isEmpty()).toList();
        assertThat(practised).hasSizeGreaterThan(MANY / 3).allSatisfy(s -> assertThat(combinations(s)).anyMatch(c -> !train.contains(c)));
    }

    private static Set<List<Object>> allCombinations(SignsWorld world) {
        return LongStream.range(0, 20_000).mapToObj(world::scene).flatMap(s -> combinations(s).stream()).collect(Collectors.toSet());
    }

    @Test
    void textShapesAndBorderNeverTouch() {
        scenes(TRAIN).filter(s -> s.text().isPresent()).limit(1000).forEach(scene -> {
            int border = scene.border().isPresent() ? Scene.BORDER : 0;
            int rim = scene.height() * scene.width() - (scene.height() - 2 * border) * (scene.width() - 2 * border);
            int drawn = ink(scene.height(), scene.width(), scene.background(), scene.border(), scene.text(), List.of()) - rim;
            for (Shape shape : scene.shapes()) {
                drawn += ink(scene.height(), scene.width(), scene.background(), scene.border(), Optional.empty(), List.of(shape)) - rim;
            }
            // If anything covered anything else, the whole would be less than its parts.
            assertThat(ink(scene.height(), scene.width(), scene.background(), scene.border(), scene.text(), scene.shapes()))
                    .isEqualTo(rim + drawn);
        });
    }

    @Test
    void textIsOnlyCalledTopOrBottomIfItIsNotInTheMiddle() {
        scenes(TRAIN).filter(s -> s.text().filter(t -> t.row() != Place.Row.MIDDLE).isPresent()).forEach(s -> {
            List<Cells> cells = s.textCells();
            int above = cells.getFirst().top();
            int below = s.height() / Scene.CELL - cells.getLast().bottom();
            assertThat(above < below).as(s.toString()).isEqualTo(s.text().orElseThrow().row() == Place.Row.TOP);
            assertThat(above).isNotEqualTo(below);
        });
    }

    @Test
    void coloursCanBeTold() {
        scenes(TRAIN).forEach(scene -> {
            Pixels picture = Painter.paint(scene);
            for (Shape shape : scene.shapes()) {
                Cells cells = scene.cells(shape);
                assertThat(at(picture, cells.top() * 16 + 17, cells.left() * 16 + 16)).isEqualTo(shape.colour());
            }
            scene.border().ifPresent(c -> assertThat(at(picture, 0, scene.width() / 2)).isEqualTo(c));
            scene.text().ifPresent(t -> assertThat(contrast(t.colour(), scene.background())).isGreaterThan(2.4));
        });
        assertThat(Colour.TEXTS).hasSize(5);
        assertThat(Colour.SHAPES).hasSize(8);
    }

    @Test
    void everyPartOfTheWorldOccurs() {
        List<Scene> scenes = scenes(TRAIN).toList();
        assertThat(values(scenes, s -> Stream.of(s.background()))).hasSize(Colour.BACKGROUNDS.size());
        assertThat(values(scenes, s -> s.text().map(Scene.Text::colour).stream())).hasSize(5);
        assertThat(values(scenes, s -> s.text().map(t -> t.lines().size()).stream())).containsExactlyInAnyOrder(1, 2, 3);
        assertThat(values(scenes, s -> s.shapes().stream().map(Shape::place))).hasSize(9);
        assertThat(values(scenes, s -> s.shapes().stream().map(Shape::kind))).hasSize(4);
        assertThat(values(scenes, s -> s.shapes().stream().map(Shape::colour))).hasSize(8);
        assertThat(values(scenes, s -> Stream.of(s.shapes().size()))).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
        assertThat(values(scenes, s -> Stream.of(s.height() + "x" + s.width()))).containsExactlyInAnyOrder("128x128", "96x160", "160x96");
        String written = scenes.stream().flatMap(s -> s.text().stream()).map(Scene.Text::joined).collect(Collectors.joining());
        assertThat(written.chars().filter(Character::isLetterOrDigit).distinct().count()).isEqualTo(62);
        assertThat(values(LongStream.range(0, 300).mapToObj(TRAIN::sample).toList(), s -> Stream.of(s.getClass()))).hasSize(2);
    }

    @Test
    void oneSizeForBatches() {
        SignsWorld tall = TRAIN.withSize(160, 96);
        assertThat(LongStream.range(0, 50).mapToObj(tall::scene)).allMatch(s -> s.height() == 160 && s.width() == 96);
        assertThatThrownBy(() -> TRAIN.withSize(100, 96)).isInstanceOf(InputException.class).hasMessageContaining("100x96");
        assertThatThrownBy(() -> new SignsWorld.Tasks(0, 0, 0, 0, 0)).isInstanceOf(InputException.class).hasMessageContaining("weight 0");
        assertThatThrownBy(() -> new SignsWorld.Tasks(-1, 0, 0, 0, 0)).isInstanceOf(InputException.class).hasMessageContaining("-1.0");
        assertThatThrownBy(() -> new SignsWorld(1, Split.TRAIN, MIXED, List.of())).isInstanceOf(InputException.class);
    }

    @Test
    void aTaskWithoutWeightNeverComes() {
        SignsWorld prompts = TRAIN.withTasks(SignsWorld.Tasks.GENERATION);
        assertThat(LongStream.range(0, 300).mapToObj(prompts::sample)).allMatch(Sample.Generation.class::isInstance);
        SignsWorld shown = TRAIN.withTasks(SignsWorld.Tasks.UNDERSTANDING);
        assertThat(LongStream.range(0, 300).mapToObj(shown::sample)).allSatisfy(s -> {
            Sample.Turn first = ((Sample.Dialogue) s).turns().getFirst();
            assertThat(first.role()).isEqualTo(Sample.Role.USER);
            assertThat(first.parts().getFirst()).isInstanceOf(Sample.Part.Shown.class);
        });
        SignsWorld drawn = TRAIN.withTasks(new SignsWorld.Tasks(0, 0, 0, 0, 1));
        assertThat(LongStream.range(0, 300).mapToObj(drawn::sample)).allSatisfy(s -> {
            Sample.Turn last = ((Sample.Dialogue) s).turns().getLast();
            assertThat(last.role()).isEqualTo(Sample.Role.ASSISTANT);
            assertThat(last.parts()).hasSize(1).first().isInstanceOf(Sample.Part.Shown.class);
        });
    }

    private static Stream<Scene> scenes(SignsWorld world) {
        return LongStream.range(0, MANY).mapToObj(world::scene);
    }

    private static Stream<String> folded(Scene scene) {
        return scene.text().stream()
                .flatMap(t -> t.words().stream())
                .map(w -> w.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", ""));
    }

    private static Set<List<Object>> combinations(Scene scene) {
        Object text = scene.text().<Object>map(Scene.Text::colour).orElse("no text");
        Set<List<Object>> all = new HashSet<>();
        scene.border().ifPresent(c -> all.add(List.of(scene.background(), text, "border", c)));
        scene.shapes().forEach(s -> all.add(List.of(scene.background(), text, s.kind(), s.colour())));
        return all;
    }

    /** How many pixels are not the background's. */
    private static int ink(
            int height, int width, Colour background, Optional<Colour> border, Optional<Scene.Text> text, List<Shape> shapes) {
        Pixels picture = Painter.paint(new Scene(height, width, background, border, text, shapes));
        int inked = 0;
        for (int i = 0; i < height * width; i++) {
            boolean plain = true;
            for (int c = 0; c < 3; c++) {
                plain &= picture.get(i / width, i % width, c) == background.channel(c);
            }
            inked += plain ? 0 : 1;
        }
        return inked;
    }

    private static Colour at(Pixels picture, int y, int x) {
        return Colour.nearest(picture.get(y, x, 0), picture.get(y, x, 1), picture.get(y, x, 2));
    }

    /** Of WCAG 2, roughly: gamma 2.2. */
    private static double contrast(Colour a, Colour b) {
        double la = luminance(a) + 0.05;
        double lb = luminance(b) + 0.05;
        return Math.max(la, lb) / Math.min(la, lb);
    }

    private static double luminance(Colour c) {
        return Map.of(0, 0.2126, 1, 0.7152, 2, 0.0722).entrySet().stream()
                .mapToDouble(e -> e.getValue() * Math.pow(c.channel(e.getKey()) / 255.0, 2.2))
                .sum();
    }

    private static <S, T> Set<T> values(List<S> all, Function<S, Stream<T>> values) {
        return all.stream().flatMap(values).collect(Collectors.toSet());
    }
}
