package org.xomni.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.xomni.data.signs.Cells;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

/**
 * What the world's own geometry finds in a picture: colours by the nearest of the palette, shapes by their masks. Where to look follows
 * from the scene that was asked for; what is found does not.
 */
final class SignsGeometry {
    /** Rows and columns of the border that are looked at: the innermost may be blurred. */
    private static final int RIM = Scene.BORDER - 1;

    /** Of the rim's pixels, those of the border's colour. */
    private static final double RIM_SHARE = .75;

    /** Pixels over which a border may run into the ground; text keeps further away. */
    private static final int BLUR = 4;

    /** Pixels that a character covers wholly, at least. */
    private static final int CORE_PIXELS = 24;

    /** Of the deviation from the background, what a shape must explain; a character explains less. */
    private static final double EXPLAINED = .6;

    /** Deviation per pixel and channel below which cells are empty: a stain of the next palette colour deviates much more. */
    private static final double NOISE = 20 * 20;

    /** Deviation of a pixel in the middle of a stroke, at least; it tells text from the ground in all scenes that SignsScorerTest tries. */
    private static final double STROKE = 60 * 60;

    /** Such pixels in a row of pixels that belongs to text. */
    private static final int STROKES = 2;

    private final Pixels picture;
    private final Scene asked;
    /** The nearest of the palette to each pixel. */
    private final Colour[] colours;

    private final Colour background;

    /** The background's actual mean, red, green, blue. */
    private final double[] ground;

    /** The squared distance of each pixel from the background. */
    private final double[] deviations;

    /** @throws InputException if the picture does not have the size that was asked for */
    SignsGeometry(Pixels picture, Scene asked) {
        if (picture.height() != asked.height() || picture.width() != asked.width()) {
            throw new InputException("a picture of " + picture.height() + "x" + picture.width() + " cannot be scored for a sign of "
                    + asked.height() + "x" + asked.width() + "; draw it in the size of the scene");
        }
        this.picture = picture;
        this.asked = asked;
        this.colours = new Colour[picture.height() * picture.width()];
        Arrays.setAll(colours, i -> Colour.nearest(channel(i, 0), channel(i, 1), channel(i, 2)));
        boolean[] open = inside(Scene.BORDER);
        asked.shapes().forEach(shape -> set(open, asked.cells(shape), false));
        this.background = commonest(open);
        this.ground = meanOf(open, background);
        this.deviations = new double[colours.length];
        Arrays.setAll(deviations, this::deviation);
    }

    /** The commonest colour, without the rim and the cells of shapes that were asked for: text covers less than half of its cells. */
    Colour background() {
        return background;
    }

    /** The border's colour, if the rim differs from the background. */
    Optional<Colour> border() {
        int[] votes = new int[Colour.values().length];
        int count = 0;
        for (int y = 0; y < picture.height(); y++) {
            for (int x = 0; x < picture.width(); x++) {
                if (Math.min(Math.min(x, y), Math.min(picture.width() - 1 - x, picture.height() - 1 - y)) < RIM) {
                    votes[colours[y * picture.width() + x].ordinal()]++;
                    count++;
                }
            }
        }
        Colour most = most(votes);
        return votes[most.ordinal()] >= RIM_SHARE * count && most != background ? Optional.of(most) : Optional.empty();
    }

    /**
     * The commonest colour of what stands out most where text was asked for, and one cell around: strokes are thin, so most of their
     * pixels are mixed with the background. It is the background's own colour if there is no text.
     *
     * @param seen shapes, which are not text
     */
    Optional<Colour> textColour(List<SeenShape> seen) {
        if (asked.text().isEmpty()) {
            return Optional.empty();
        }
        boolean[] where = new boolean[picture.height() * picture.width()];
        for (Cells cells : asked.textCells()) {
            set(where, new Cells(cells.top() - 1, cells.left() - 1, cells.bottom() + 1, cells.right() + 1), true);
        }
        asked.shapes().forEach(shape -> set(where, asked.cells(shape), false));
        seen.forEach(shape -> set(where, asked.cells(shape.shape()), false));
        List<Integer> pixels = new ArrayList<>();
        for (int i = 0; i < where.length; i++) {
            int y = i / picture.width();
            int x = i % picture.width();
            boolean rim = Math.min(Math.min(x, y), Math.min(picture.width() - 1 - x, picture.height() - 1 - y)) <= Scene.BORDER;
            if (where[i] && !(rim && asked.border().isPresent())) {
                pixels.add(i);
            }
        }
        pixels.sort(Comparator.comparingDouble((Integer i) -> -deviations[i]));
        int letters = asked.text().orElseThrow().joined().replace(" ", "").length();
        int[] votes = new int[Colour.values().length];
        pixels.stream().limit((long) letters * CORE_PIXELS).forEach(i -> votes[colours[i].ordinal()]++);
        return Optional.of(most(votes));
    }

    /**
     * Whether what stands out, shapes and border aside, has its middle within half a cell of the height that was asked for. Letters need not be known for it,
     * so it is not what {@link SignsScorer#score} reports, which goes by the lines that are read.
     *
     * @param seen shapes, which are not text
     */
    boolean textStandsAtItsHeight(List<SeenShape> seen) {
        boolean[] where = inside(asked.border().isPresent() ? Scene.BORDER + BLUR : Scene.BORDER);
        seen.forEach(shape -> set(where, asked.cells(shape.shape()), false));
        int top = picture.height();
        int bottom = 0;
        for (int y = 0; y < picture.height(); y++) {
            int strokes = 0;
            for (int i = y * picture.width(); i < (y + 1) * picture.width(); i++) {
                strokes += where[i] && deviations[i] > STROKE ? 1 : 0;
            }
            if (strokes >= STROKES) {
                top = Math.min(top, y);
                bottom = y + 1;
            }
        }
        List<Cells> cells = asked.textCells();
        double middle = (cells.getFirst().top() + cells.getLast().bottom()) * Scene.CELL / 2.0;
        return top < bottom && Math.abs((top + bottom) / 2.0 - middle) <= Scene.CELL / 2.0;
    }

    /**
     * The shapes in the picture, at any place that the text which was asked for leaves free. Places may share cells on a small sign: the
     * shape that explains more stays.
     */
    List<SeenShape> shapes() {
        List<SeenShape> all = new ArrayList<>();
        for (Place place : Place.ALL) {
            Cells cells = cells(place);
            if (asked.textCells().stream().noneMatch(cells::overlaps)) {
                shapeAt(place).ifPresent(all::add);
            }
        }
        all.sort(Comparator.comparingDouble(s -> -s.explained()));
        List<SeenShape> seen = new ArrayList<>();
        for (SeenShape one : all) {
            Cells cells = cells(one.shape().place());
            if (seen.stream().noneMatch(s -> cells(s.shape().place()).overlaps(cells))) {
                seen.add(one);
            }
        }
        return seen;
    }

    /** The kind and colour that leave the least error, unless the cells are empty or hold something else. */
    private Optional<SeenShape> shapeAt(Place place) {
        Cells cells = cells(place);
        int from = cells.top() * Scene.CELL * picture.width() + cells.left() * Scene.CELL;
        double nothing = 0;
        for (int i = 0; i < ShapeMask.SIDE * ShapeMask.SIDE; i++) {
            nothing += deviations[at(from, i)];
        }
        if (nothing < NOISE * 3 * ShapeMask.SIDE * ShapeMask.SIDE) {
            return Optional.empty();
        }
        double least = Double.POSITIVE_INFINITY;
        Shape best = new Shape(Shape.Kind.CIRCLE, background, place);
        for (Shape.Kind kind : Shape.Kind.values()) {
            for (Colour colour : Colour.SHAPES) {
                double error = colour == background ? Double.POSITIVE_INFINITY : error(from, ShapeMask.of(kind), colour);
                if (error < least) {
                    least = error;
                    best = new Shape(kind, colour, place);
                }
            }
        }
        double explained = 1 - least / nothing;
        return explained < EXPLAINED ? Optional.empty() : Optional.of(new SeenShape(best, explained));
    }

    private double error(int from, float[] mask, Colour colour) {
        double error = 0;
        for (int i = 0; i < mask.length; i++) {
            int at = at(from, i);
            for (int c = 0; c < 3; c++) {
                double difference = channel(at, c) - (ground[c] + mask[i] * (colour.channel(c) - ground[c]));
                error += difference * difference;
            }
        }
        return error;
    }

    /** The picture with these shapes painted over by the background, so that a triangle is not read as an A. */
    Pixels without(List<SeenShape> shapes) {
        Pixels copy = new Pixels(picture.height(), picture.width(), picture.rgb().clone());
        for (SeenShape seen : shapes) {
            Cells cells = cells(seen.shape().place());
            for (int y = cells.top() * Scene.CELL; y < cells.bottom() * Scene.CELL; y++) {
                for (int x = cells.left() * Scene.CELL; x < cells.right() * Scene.CELL; x++) {
                    for (int c = 0; c < 3; c++) {
                        copy.rgb()[(y * picture.width() + x) * 3 + c] = (byte) Math.round(ground[c]);
                    }
                }
            }
        }
        return copy;
    }

    private Cells cells(Place place) {
        return asked.cells(new Shape(Shape.Kind.CIRCLE, background, place));
    }

    /** The pixel in place {@code i} of a shape's mask whose first pixel is {@code from}. */
    private int at(int from, int i) {
        return from + i / ShapeMask.SIDE * picture.width() + i % ShapeMask.SIDE;
    }

    private int channel(int pixel, int channel) {
        return picture.rgb()[pixel * 3 + channel] & 0xFF;
    }

    /** All pixels but the {@code rim} rows and columns at each edge. */
    private boolean[] inside(int rim) {
        boolean[] where = new boolean[picture.height() * picture.width()];
        for (int y = rim; y < picture.height() - rim; y++) {
            Arrays.fill(where, y * picture.width() + rim, (y + 1) * picture.width() - rim, true);
        }
        return where;
    }

    private double deviation(int pixel) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += (channel(pixel, c) - ground[c]) * (channel(pixel, c) - ground[c]);
        }
        return sum;
    }

    private Colour commonest(boolean[] where) {
        int[] votes = new int[Colour.values().length];
        for (int i = 0; i < where.length; i++) {
            if (where[i]) {
                votes[colours[i].ordinal()]++;
            }
        }
        return most(votes);
    }

    private double[] meanOf(boolean[] where, Colour colour) {
        double[] mean = new double[3];
        int count = 0;
        for (int i = 0; i < where.length; i++) {
            if (where[i] && colours[i] == colour) {
                count++;
                for (int c = 0; c < 3; c++) {
                    mean[c] += channel(i, c);
                }
            }
        }
        for (int c = 0; c < 3; c++) {
            mean[c] /= count;
        }
        return mean;
    }

    private static Colour most(int[] votes) {
        int best = 0;
        for (int c = 1; c < votes.length; c++) {
            best = votes[c] > votes[best] ? c : best;
        }
        return Colour.values()[best];
    }

    /** Marks the pixels of cells, as far as they are in the picture. */
    private void set(boolean[] pixels, Cells cells, boolean value) {
        int left = Math.max(0, cells.left() * Scene.CELL);
        int right = Math.min(picture.width(), cells.right() * Scene.CELL);
        int bottom = Math.min(picture.height(), cells.bottom() * Scene.CELL);
        for (int y = Math.max(0, cells.top() * Scene.CELL); y < bottom; y++) {
            Arrays.fill(pixels, y * picture.width() + left, y * picture.width() + right, value);
        }
    }
}
