package org.xomni.data.signs;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.xomni.tensor.InputException;

/**
 * What a picture shows. The constructor refuses what could not be drawn or read: text that does not fit, colours that cannot be told from
 * the background, things that overlap.
 *
 * @param height in pixels, a multiple of {@link #CELL}
 * @param width in pixels, a multiple of {@link #CELL}
 * @param background fills the picture
 * @param border the colour of a frame of {@link #BORDER} pixels along the edges
 * @param text what is written
 * @param shapes at most one at a place
 */
public record Scene(int height, int width, Colour background, Optional<Colour> border, Optional<Text> text, List<Shape> shapes) {
    /** Pixels of a cell's side: the image tokenizer's patch. */
    public static final int CELL = 16;
    /** Pixels of a border's thickness. */
    public static final int BORDER = 4;
    /** Cells of a shape's side, and of a line's height. */
    public static final int TALL = 2;
    /** Lines that a picture may have. */
    public static final int MAX_LINES = 3;

    private static final int MAX_SIDE = 1024;

    /**
     * Text in one colour, each line centred as far as the cells allow.
     *
     * @param lines from top to bottom, 1 to 3
     * @param row where the block stands
     */
    public record Text(List<String> lines, Colour colour, Place.Row row) {
        public Text {
            lines = List.copyOf(lines);
            if (lines.isEmpty() || lines.size() > MAX_LINES) {
                throw new InputException("a sign cannot have " + lines.size() + " lines of text; give 1 to " + MAX_LINES);
            }
            for (String line : lines) {
                if (line.isBlank() || !line.equals(line.strip()) || !line.chars().allMatch(Glyphs::has)) {
                    throw new InputException("\"" + line + "\" cannot be a line of a sign; use printable ASCII, no blanks at the ends");
                }
            }
        }

        /** The lines, joined by spaces. */
        public String joined() {
            return String.join(" ", lines);
        }

        /** All words, line by line. */
        public List<String> words() {
            return List.of(joined().split(" +"));
        }
    }

    public Scene {
        shapes = List.copyOf(shapes);
        requireSide("height", height);
        requireSide("width", width);
        Colour b = background;
        border.ifPresent(c -> require(c.standsOutFrom(b), "a " + c.word() + " border cannot be seen on " + b.word()));
        text.ifPresent(t -> require(t.colour.isLegibleOn(b), t.colour.word() + " text cannot be read on " + b.word()));
        for (Shape s : shapes) {
            require(s.colour().standsOutFrom(b), "a " + s.colour().word() + " " + s.kind().word() + " cannot be seen on " + b.word());
        }
        List<Cells> taken = new ArrayList<>(text.map(t -> cellsOf(t, height, width, border.isPresent())).orElse(List.of()));
        for (Shape s : shapes) {
            Cells cells = cellsOf(s.place(), height, width, border.isPresent());
            require(taken.stream().noneMatch(cells::overlaps), "the " + s.kind().word() + " at " + s.place() + " overlaps something else");
            taken.add(cells);
        }
    }

    /** The cells of each line of text, from top to bottom; empty without text. */
    public List<Cells> textCells() {
        return text.map(t -> cellsOf(t, height, width, border.isPresent())).orElse(List.of());
    }

    /** The cells of a shape. */
    public Cells cells(Shape shape) {
        return cellsOf(shape.place(), height, width, border.isPresent());
    }

    /** How many characters fit in a line: cells beside each other, less those that touch a border. */
    public static int maxCharacters(int width, boolean border) {
        return width / CELL - 2 * margin(border);
    }

    /** How many lines fit, at most {@link #MAX_LINES}. */
    public static int maxLines(int height, boolean border) {
        return Math.min(MAX_LINES, (height / CELL - 2 * margin(border)) / TALL);
    }

    /**
     * Breaks text at its spaces into lines, each as long as fits. A word that does not fit gets a line of its own, too long.
     *
     * @param maxCharacters of a line
     */
    public static List<String> wrap(String text, int maxCharacters) {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String word : text.strip().split(" +")) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > maxCharacters) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    static List<Cells> cellsOf(Text text, int height, int width, boolean border) {
        int margin = margin(border);
        int columns = maxCharacters(width, border);
        int rows = height / CELL - 2 * margin;
        int tall = TALL * text.lines.size();
        require(tall <= rows, text.lines.size() + " lines do not fit into a height of " + height + " pixels");
        int top = margin + Place.cell(text.row.ordinal(), rows, tall);
        List<Cells> cells = new ArrayList<>();
        for (String line : text.lines) {
            require(line.length() <= columns,
                    "\"" + line + "\" does not fit into " + columns + " cells of a width of " + width + " pixels");
            int left = margin + (columns - line.length()) / 2;
            cells.add(new Cells(top, left, top + TALL, left + line.length()));
            top += TALL;
        }
        return cells;
    }

    static Cells cellsOf(Place place, int height, int width, boolean border) {
        int margin = margin(border);
        int top = margin + Place.cell(place.row().ordinal(), height / CELL - 2 * margin, TALL);
        int left = margin + Place.cell(place.column().ordinal(), width / CELL - 2 * margin, TALL);
        return new Cells(top, left, top + TALL, left + TALL);
    }

    private static int margin(boolean border) {
        return border ? 1 : 0;
    }

    private static void requireSide(String name, int pixels) {
        if (pixels < 4 * CELL || pixels > MAX_SIDE || pixels % CELL != 0) {
            throw new InputException("a sign cannot have a " + name + " of " + pixels + " pixels; choose a multiple of " + CELL + " from "
                    + 4 * CELL + " to " + MAX_SIDE);
        }
    }

    private static void require(boolean condition, String wrong) {
        if (!condition) {
            throw new InputException("no such sign: " + wrong + "; change the scene");
        }
    }
}
