package org.xomni.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.xomni.eval.SignsScore.Aspect.BACKGROUND;
import static org.xomni.eval.SignsScore.Aspect.BORDER;
import static org.xomni.eval.SignsScore.Aspect.COUNT;
import static org.xomni.eval.SignsScore.Aspect.NO_SHAPE;
import static org.xomni.eval.SignsScore.Aspect.NO_TEXT;
import static org.xomni.eval.SignsScore.Aspect.POSITION;
import static org.xomni.eval.SignsScore.Aspect.SHAPE_COLOUR;
import static org.xomni.eval.SignsScore.Aspect.SHAPE_KIND;
import static org.xomni.eval.SignsScore.Aspect.TEXT_ACCURACY;
import static org.xomni.eval.SignsScore.Aspect.TEXT_COLOUR;
import static org.xomni.eval.SignsScore.Aspect.TEXT_EXACT;
import static org.xomni.eval.SignsScore.Aspect.TEXT_PLACE;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.tensor.InputException;

class SignsScorerTest {
    private static final Place TOP_LEFT = new Place(Place.Row.TOP, Place.Column.LEFT);
    private static final Place TOP = new Place(Place.Row.TOP, Place.Column.CENTER);
    private static final Place TOP_RIGHT = new Place(Place.Row.TOP, Place.Column.RIGHT);
    private static final Place BOTTOM_RIGHT = new Place(Place.Row.BOTTOM, Place.Column.RIGHT);
    private static final Shape STAR = new Shape(Shape.Kind.STAR, Colour.YELLOW, TOP_LEFT);
    private static final Shape CIRCLE = new Shape(Shape.Kind.CIRCLE, Colour.WHITE, BOTTOM_RIGHT);
    private static final Scene ASKED = sign(Colour.BLUE, Optional.of(Colour.ORANGE), Colour.WHITE, Place.Row.MIDDLE, "OPEN", STAR, CIRCLE);

    private static final SignsWorld WORLD = new SignsWorld(
            7, Split.HELD_OUT, SignsWorld.Tasks.GENERATION, List.of(new SignsWorld.Size(160, 160), new SignsWorld.Size(96, 160)));

    private static TextReader reader;
    private static SignsScorer scorer;

    private static Scene sign(Colour background, Optional<Colour> border, Colour ink, Place.Row row, String text, Shape... shapes) {
        return new Scene(128, 128, background, border, Optional.of(new Scene.Text(List.of(text.split(" ")), ink, row)), List.of(shapes));
    }

    @BeforeAll
    static void load() {
        reader = new TextReader();
        scorer = new SignsScorer(reader);
    }

    @AfterAll
    static void close() {
        reader.close();
    }

    /** The aspects that a picture of another scene gets wrong. */
    private static Map<Aspect, Double> wrong(Scene drawn, Scene asked) {
        Map<Aspect, Double> wrong = new TreeMap<>(scorer.score(Painter.paint(drawn), asked).values());
        wrong.values().removeIf(v -> v == 1);
        return wrong;
    }

    @Test
    void theRightPictureHasFullMarks() {
        assertThat(scorer.score(Painter.paint(ASKED), ASKED).values())
                .containsOnlyKeys(
                        TEXT_ACCURACY, TEXT_EXACT, TEXT_PLACE, TEXT_COLOUR, BACKGROUND, BORDER, SHAPE_KIND, SHAPE_COLOUR, POSITION, COUNT)
                .allSatisfy((_, value) -> assertThat(value).isEqualTo(1));
        Scene empty = new Scene(96, 160, Colour.GREEN, Optional.empty(), Optional.empty(), List.of());
        assertThat(scorer.score(Painter.paint(empty), empty).values())
                .isEqualTo(Map.of(BACKGROUND, 1.0, BORDER, 1.0, NO_TEXT, 1.0, NO_SHAPE, 1.0));
    }

    @Test
    void noiseAndBlurOfADecoderDoNotMatter() {
        Pixels picture = Painter.paint(ASKED);
        var random = new SplittableRandom(1);
        for (int i = 0; i < picture.rgb().length; i++) {
            picture.rgb()[i] = (byte) Math.clamp((picture.rgb()[i] & 0xFF) + Math.round(12 * random.nextGaussian()), 0, 255);
        }
        assertThat(scorer.score(picture, ASKED).values()).allSatisfy((_, value) -> assertThat(value).isEqualTo(1));
    }

    @Test
    void eachMistakeCostsInItsAspectOnly() {
        Optional<Colour> border = ASKED.border();
        assertThat(wrong(sign(Colour.PURPLE, border, Colour.WHITE, Place.Row.MIDDLE, "OPEN", STAR, CIRCLE), ASKED))
                .containsOnlyKeys(BACKGROUND);
        assertThat(wrong(sign(Colour.BLUE, Optional.of(Colour.RED), Colour.WHITE, Place.Row.MIDDLE, "OPEN", STAR, CIRCLE), ASKED))
                .containsOnlyKeys(BORDER);
        assertThat(wrong(sign(Colour.BLUE, border, Colour.YELLOW, Place.Row.MIDDLE, "OPEN", STAR, CIRCLE), ASKED))
                .containsOnlyKeys(TEXT_COLOUR);
        assertThat(wrong(sign(Colour.BLUE, border, Colour.WHITE, Place.Row.MIDDLE, "OVEN", STAR, CIRCLE), ASKED))
                .isEqualTo(Map.of(TEXT_ACCURACY, .75, TEXT_EXACT, .0));
        Shape square = new Shape(Shape.Kind.SQUARE, Colour.YELLOW, TOP_LEFT);
        assertThat(wrong(sign(Colour.BLUE, border, Colour.WHITE, Place.Row.MIDDLE, "OPEN", square, CIRCLE), ASKED))
                .isEqualTo(Map.of(SHAPE_KIND, .5));
        Shape red = new Shape(Shape.Kind.STAR, Colour.RED, TOP_LEFT);
        assertThat(wrong(sign(Colour.BLUE, border, Colour.WHITE, Place.Row.MIDDLE, "OPEN", red, CIRCLE), ASKED))
                .isEqualTo(Map.of(SHAPE_COLOUR, .5));
        Shape moved = new Shape(Shape.Kind.STAR, Colour.YELLOW, TOP_RIGHT);
        assertThat(wrong(sign(Colour.BLUE, border, Colour.WHITE, Place.Row.MIDDLE, "OPEN", moved, CIRCLE), ASKED))
                .isEqualTo(Map.of(SHAPE_KIND, .5, SHAPE_COLOUR, .5, POSITION, .5));
        assertThat(wrong(sign(Colour.BLUE, border, Colour.WHITE, Place.Row.MIDDLE, "OPEN", STAR, CIRCLE, moved), ASKED))
                .isEqualTo(Map.of(COUNT, .0));
    }

    @Test
    void extraTextCosts() {
        Scene asked = sign(Colour.BLUE, Optional.empty(), Colour.WHITE, Place.Row.TOP, "OPEN");
        assertThat(wrong(sign(Colour.BLUE, Optional.empty(), Colour.WHITE, Place.Row.TOP, "OPEN LATE"), asked))
                .containsOnlyKeys(TEXT_ACCURACY, TEXT_EXACT, TEXT_PLACE);
        assertThat(wrong(sign(Colour.BLUE, Optional.empty(), Colour.WHITE, Place.Row.BOTTOM, "OPEN"), asked))
                .containsOnlyKeys(TEXT_PLACE, TEXT_COLOUR);
        Scene silent = new Scene(128, 128, Colour.BLUE, Optional.empty(), Optional.empty(), List.of());
        assertThat(wrong(asked, silent)).containsOnlyKeys(NO_TEXT);
    }

    @Test
    void shapesThatAreAlikeMayStandAnywhereInTheirRow() {
        Shape first = new Shape(Shape.Kind.SQUARE, Colour.RED, TOP_LEFT);
        Shape second = new Shape(Shape.Kind.SQUARE, Colour.RED, TOP);
        Shape third = new Shape(Shape.Kind.SQUARE, Colour.RED, TOP_RIGHT);
        Shape below = new Shape(Shape.Kind.SQUARE, Colour.RED, BOTTOM_RIGHT);
        Scene asked = sign(Colour.WHITE, Optional.empty(), Colour.BLACK, Place.Row.MIDDLE, "MILK", first, second);
        assertThat(wrong(sign(Colour.WHITE, Optional.empty(), Colour.BLACK, Place.Row.MIDDLE, "MILK", second, third), asked)).isEmpty();
        assertThat(wrong(sign(Colour.WHITE, Optional.empty(), Colour.BLACK, Place.Row.MIDDLE, "MILK", second, below), asked))
                .isEqualTo(Map.of(SHAPE_KIND, .5, SHAPE_COLOUR, .5, POSITION, .5));
    }

    @Test
    void aPictureOfAnotherSizeIsRefused() {
        assertThatThrownBy(() -> scorer.score(new Pixels(96, 160), ASKED))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("96x160")
                .hasMessageContaining("128x128");
    }

    /** In the world's own scenes, and moved to where they were not asked for. */
    @Test
    void textIsFoundAtItsHeightWithoutReading() {
        int moved = 0;
        for (long index = 0; index < 300; index++) {
            Scene scene = WORLD.scene(index);
            if (scene.text().isEmpty()) {
                continue;
            }
            assertThat(new SeenSign(Painter.paint(scene), scene).textPlace()).as("scene " + index).isEqualTo(1);
            Scene.Text text = scene.text().orElseThrow();
            Place.Row other = text.row() == Place.Row.TOP ? Place.Row.BOTTOM : Place.Row.TOP;
            Scene elsewhere = new Scene(scene.height(), scene.width(), scene.background(), scene.border(),
                    Optional.of(new Scene.Text(text.lines(), text.colour(), other)), List.of());
            if (!elsewhere.textCells().equals(scene.textCells())) {
                moved++;
                assertThat(new SeenSign(Painter.paint(elsewhere), new Scene(scene.height(), scene.width(), scene.background(), scene.border(),
                        scene.text(), List.of())).textPlace()).as("moved scene " + index).isZero();
            }
        }
        assertThat(moved).isGreaterThan(100);
    }

    /** Decoders let a border run into the ground by a pixel or two. */
    @Test
    void softBordersAreNotTakenForText() {
        int bordered = 0;
        for (long index = 0; index < 100; index++) {
            Scene scene = WORLD.scene(index);
            if (scene.text().isEmpty() || scene.border().isEmpty()) {
                continue;
            }
            bordered++;
            assertThat(new SeenSign(withWiderBorder(Painter.paint(scene)), scene).textPlace()).as("scene " + index).isEqualTo(1);
        }
        assertThat(bordered).isGreaterThan(10);
    }

    /** Lets the border cover two pixels more. */
    private static Pixels withWiderBorder(Pixels picture) {
        byte[] rgb = picture.rgb().clone();
        int rim = Scene.BORDER + 2;
        for (int y = 0; y < picture.height(); y++) {
            for (int x = 0; x < picture.width(); x++) {
                if (Math.min(Math.min(x, y), Math.min(picture.width() - 1 - x, picture.height() - 1 - y)) < rim) {
                    System.arraycopy(rgb, 0, rgb, 3 * (y * picture.width() + x), 3);
                }
            }
        }
        return new Pixels(picture.height(), picture.width(), rgb);
    }
}
