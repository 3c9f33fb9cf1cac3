package org.xomni.data.signs;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import org.apache.fontbox.ttf.CmapLookup;
import org.apache.fontbox.ttf.TTFParser;
import org.apache.fontbox.ttf.TrueTypeFont;
import org.apache.pdfbox.io.RandomAccessReadBuffer;

/**
 * The coverage masks that pictures are composed of, made once: how much of each pixel, 0..255, a character or a shape covers. Characters
 * are DejaVu Sans Mono Bold from a TTF on the class path, filled as outlines, so no system font is needed.
 */
final class Glyphs {
    /** Pixels of a shape's side, and of a character's height. */
    static final int TALL = Scene.TALL * Scene.CELL;

    private static final String FONT = "/net/sf/jasperreports/fonts/dejavu/DejaVuSansMono-Bold.ttf";
    /** The size at which a character advances by one cell: the font's advance is 1233 of 2048 units. */
    private static final double FONT_SIZE = 2048.0 / 1233 * Scene.CELL;
    private static final int BASELINE = 24;
    private static final char FIRST = ' ';
    private static final char LAST = '~';
    private static final byte[][] CHARACTERS = characters();
    private static final byte[][] SHAPES = shapes();

    private Glyphs() {}

    /** Whether there is a mask for a character: printable ASCII. */
    static boolean has(int character) {
        return character >= FIRST && character <= LAST;
    }

    /** A character's mask: {@link #TALL} rows of {@link Scene#CELL} pixels. */
    static byte[] character(char character) {
        return CHARACTERS[character - FIRST];
    }

    /** A shape's mask: {@link #TALL} rows of {@link #TALL} pixels. */
    static byte[] shape(Shape.Kind kind) {
        return SHAPES[kind.ordinal()];
    }

    private static byte[][] characters() {
        try (InputStream in = Objects.requireNonNull(Glyphs.class.getResourceAsStream(FONT), FONT + " is not on the class path");
                TrueTypeFont font = new TTFParser().parse(new RandomAccessReadBuffer(in))) {
            CmapLookup ids = font.getUnicodeCmapLookup();
            double scale = FONT_SIZE / font.getUnitsPerEm();
            byte[][] masks = new byte[LAST - FIRST + 1][];
            for (char c = FIRST; c <= LAST; c++) {
                Path2D outline = font.getGlyph().getGlyph(ids.getGlyphId(c)).getPath();
                // Outlines point up, pictures down.
                AffineTransform toPixels = new AffineTransform(scale, 0, 0, -scale, 0, BASELINE);
                masks[c - FIRST] = fill(toPixels.createTransformedShape(outline), Scene.CELL);
            }
            return masks;
        } catch (IOException e) {
            throw new UncheckedIOException(FONT + " cannot be read", e);
        }
    }

    private static byte[][] shapes() {
        byte[][] masks = new byte[Shape.Kind.values().length][];
        for (Shape.Kind kind : Shape.Kind.values()) {
            masks[kind.ordinal()] = fill(switch (kind) {
                case CIRCLE -> new Ellipse2D.Double(3, 3, 26, 26);
                case SQUARE -> new Rectangle2D.Double(4, 4, 24, 24);
                case TRIANGLE -> polygon(16, 2, 30, 28, 2, 28);
                case STAR -> star();
            }, TALL);
        }
        return masks;
    }

    private static java.awt.Shape star() {
        double[] points = new double[20];
        for (int i = 0; i < 10; i++) {
            // Five points out, five in: the ratio of the radii is the pentagram's, a little fuller.
            double radius = i % 2 == 0 ? 15 : 6.4;
            points[2 * i] = 16 + radius * Math.sin(Math.PI * i / 5);
            points[2 * i + 1] = 17 - radius * Math.cos(Math.PI * i / 5);
        }
        return polygon(points);
    }

    private static java.awt.Shape polygon(double... xy) {
        Path2D path = new Path2D.Double();
        path.moveTo(xy[0], xy[1]);
        for (int i = 2; i < xy.length; i += 2) {
            path.lineTo(xy[i], xy[i + 1]);
        }
        path.closePath();
        return path;
    }

    private static byte[] fill(java.awt.Shape outline, int width) {
        BufferedImage image = new BufferedImage(width, TALL, BufferedImage.TYPE_INT_ARGB);
        Graphics2D graphics = image.createGraphics();
        try {
            graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
            graphics.setColor(Color.WHITE);
            graphics.fill(outline);
        } finally {
            graphics.dispose();
        }
        byte[] mask = new byte[width * TALL];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = (byte) (image.getRGB(i % width, i / width) >>> 24);
        }
        return mask;
    }
}
