package org.xomni.ocr;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import org.apache.fontbox.ttf.TTFParser;
import org.apache.fontbox.ttf.TrueTypeFont;
import org.apache.pdfbox.io.RandomAccessReadBuffer;
import org.xomni.image.Pixels;

/** Draws text for tests, in a font from the class path. */
final class Lettering implements AutoCloseable {
    private final BufferedImage image;
    private final Graphics2D canvas;
    private final TrueTypeFont font;

    Lettering(int height, int width, Color background) {
        image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        canvas = image.createGraphics();
        canvas.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        canvas.setColor(background);
        canvas.fillRect(0, 0, width, height);
        try (var in = Objects.requireNonNull(
                Lettering.class.getClassLoader().getResourceAsStream("net/sf/jasperreports/fonts/dejavu/DejaVuSansMono-Bold.ttf"))) {
            font = new TTFParser().parse(new RandomAccessReadBuffer(in));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Writes a line: its baseline starts at (x, y) and falls to the right by {@code radians}; each character is {@code size} * .602 wide.
     */
    Lettering write(String text, double x, double y, double size, double radians, Color color) {
        try {
            var cmap = font.getUnicodeCmapLookup();
            double scale = size / font.getUnitsPerEm();
            canvas.setColor(color);
            for (int i = 0; i < text.length(); i++) {
                var place = AffineTransform.getTranslateInstance(x, y);
                place.rotate(radians);
                place.translate(i * size * .602, 0);
                place.scale(scale, -scale);
                canvas.fill(place.createTransformedShape(font.getGlyph().getGlyph(cmap.getGlyphId(text.charAt(i))).getPath()));
            }
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Pixels pixels() {
        Pixels pixels = new Pixels(image.getHeight(), image.getWidth());
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                int rgb = image.getRGB(x, y);
                int at = (y * image.getWidth() + x) * 3;
                pixels.rgb()[at] = (byte) (rgb >> 16);
                pixels.rgb()[at + 1] = (byte) (rgb >> 8);
                pixels.rgb()[at + 2] = (byte) rgb;
            }
        }
        return pixels;
    }

    @Override
    public void close() throws IOException {
        canvas.dispose();
        font.close();
    }
}
