package org.xomni.data.signs;

import java.util.List;
import org.xomni.image.Pixels;

/** Draws scenes: flat colours and masks blended over them. */
public final class Painter {
    private static final int CHANNELS = 3;

    private Painter() {}

    /** The picture of a scene. The same scene gives the same bytes. */
    public static Pixels paint(Scene scene) {
        int stride = scene.width() * CHANNELS;
        byte[] rgb = new byte[scene.height() * stride];
        fill(rgb, stride, scene.border().orElse(scene.background()), 0, 0, scene.height(), scene.width());
        if (scene.border().isPresent()) {
            int b = Scene.BORDER;
            fill(rgb, stride, scene.background(), b, b, scene.height() - b, scene.width() - b);
        }
        for (Shape shape : scene.shapes()) {
            Cells cells = scene.cells(shape);
            blend(rgb, stride, Glyphs.shape(shape.kind()), Glyphs.TALL, shape.colour(), cells.top(), cells.left());
        }
        scene.text().ifPresent(text -> {
            List<Cells> cells = scene.textCells();
            for (int l = 0; l < cells.size(); l++) {
                String line = text.lines().get(l);
                for (int i = 0; i < line.length(); i++) {
                    byte[] mask = Glyphs.character(line.charAt(i));
                    blend(rgb, stride, mask, Scene.CELL, text.colour(), cells.get(l).top(), cells.get(l).left() + i);
                }
            }
        });
        return new Pixels(scene.height(), scene.width(), rgb);
    }

    /** Fills pixels; the ends are exclusive. */
    private static void fill(byte[] rgb, int stride, Colour colour, int top, int left, int bottom, int right) {
        int start = top * stride + left * CHANNELS;
        int length = (right - left) * CHANNELS;
        for (int i = 0; i < length; i++) {
            rgb[start + i] = (byte) colour.channel(i % CHANNELS);
        }
        for (int y = top + 1; y < bottom; y++) {
            System.arraycopy(rgb, start, rgb, y * stride + left * CHANNELS, length);
        }
    }

    private static void blend(byte[] rgb, int stride, byte[] mask, int width, Colour colour, int row, int column) {
        int red = colour.channel(0);
        int green = colour.channel(1);
        int blue = colour.channel(2);
        for (int i = 0; i < mask.length; i++) {
            int cover = mask[i] & 0xFF;
            if (cover != 0) {
                int at = (row * Scene.CELL + i / width) * stride + (column * Scene.CELL + i % width) * CHANNELS;
                rgb[at] = mix(rgb[at], red, cover);
                rgb[at + 1] = mix(rgb[at + 1], green, cover);
                rgb[at + 2] = mix(rgb[at + 2], blue, cover);
            }
        }
    }

    private static byte mix(byte under, int over, int cover) {
        return (byte) (((under & 0xFF) * (255 - cover) + over * cover + 127) / 255);
    }
}
