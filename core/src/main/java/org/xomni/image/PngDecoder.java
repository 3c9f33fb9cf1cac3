package org.xomni.image;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;
import org.xomni.image.Png.Chunk;

/**
 * PNG to RGB with Pillow's rules. Only IHDR, PLTE, IDAT and IEND are looked at, so profiles and texts can do no harm, and gamma (which the
 * JDK's reader applies to gray images) plays no part.
 */
final class PngDecoder {
    private static final int GRAY = 0;
    private static final int RGB = 2;
    private static final int PALETTE = 3;
    private static final int GRAY_ALPHA = 4;
    private static final int RGB_ALPHA = 6;

    /** Adam7's seven passes as {first column, first row, column step, row step}. */
    private static final int[][] ADAM7 = {
        {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
    };

    private static final int[][] ONE_PASS = {{0, 0, 1, 1}};

    /** Deflate cannot expand more than this. */
    private static final long MAX_EXPANSION = 1032;

    private final byte[] file;
    private final Header header;
    private final byte[] colors;
    private final Inflater inflater;
    private final Iterator<Chunk> data;
    private final Pixels image;

    private record Header(int width, int height, int depth, int type, boolean interlaced) {
        int bitsPerPixel() {
            return depth * switch (type) {
                case RGB -> 3;
                case GRAY_ALPHA -> 2;
                case RGB_ALPHA -> 4;
                default -> 1;
            };
        }

        int rowBytes(int columns) {
            return Math.toIntExact(((long) columns * bitsPerPixel() + 7) / 8);
        }

        int[][] passes() {
            return interlaced ? ADAM7 : ONE_PASS;
        }
    }

    private PngDecoder(byte[] file, Header header, byte[] colors, Inflater inflater, List<Chunk> data) {
        this.file = file;
        this.header = header;
        this.colors = colors;
        this.inflater = inflater;
        this.data = data.iterator();
        this.image = new Pixels(header.height, header.width);
    }

    static Pixels decode(byte[] file, long maxPixels) throws BadImage {
        ByteCursor cursor = new ByteCursor(file);
        cursor.skip(Png.SIGNATURE.length());
        Header header = header(file, cursor, maxPixels);
        byte @Nullable [] palette = null;
        List<Chunk> data = new ArrayList<>();
        long compressed = 0;
        for (Chunk chunk = Png.next(cursor); !chunk.type().equals("IEND"); chunk = Png.next(cursor)) {
            if (chunk.type().equals("IDAT")) {
                Png.checkCrc(file, chunk);
                data.add(chunk);
                compressed += chunk.length();
            } else if (chunk.type().equals("PLTE")) {
                Png.checkCrc(file, chunk);
                palette = Arrays.copyOfRange(file, chunk.offset(), chunk.offset() + chunk.length());
            }
        }
        if (header.type == PALETTE && palette == null) {
            throw new BadImage("is corrupt: it has no palette");
        }
        // Before anything of the claimed size is allocated.
        if (compressed * MAX_EXPANSION < (long) header.height * header.rowBytes(header.width)) {
            throw new BadImage("is truncated");
        }
        Inflater inflater = new Inflater();
        try {
            byte[] colors = palette != null && header.type == PALETTE ? palette : grays(header.depth);
            return new PngDecoder(file, header, colors, inflater, data).decode();
        } finally {
            inflater.end();
        }
    }

    private static Header header(byte[] file, ByteCursor cursor, long maxPixels) throws BadImage {
        Chunk chunk = Png.next(cursor);
        if (!chunk.type().equals("IHDR") || chunk.length() != 13) {
            throw new BadImage("is corrupt: it does not begin with a PNG header");
        }
        Png.checkCrc(file, chunk);
        ByteCursor fields = new ByteCursor(file);
        fields.seek(chunk.offset());
        long width = fields.u32be();
        long height = fields.u32be();
        ImageFiles.checkSize(height, width, maxPixels);
        int depth = fields.u8();
        int type = fields.u8();
        int compression = fields.u8();
        int filter = fields.u8();
        int interlace = fields.u8();
        boolean known = switch (type) {
            case GRAY -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
            case PALETTE -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
            case RGB, GRAY_ALPHA, RGB_ALPHA -> depth == 8 || depth == 16;
            default -> false;
        };
        if (!known || compression != 0 || filter != 0 || interlace > 1) {
            throw new BadImage("is corrupt: its PNG header names no known pixel format");
        }
        return new Header((int) width, (int) height, depth, type, interlace == 1);
    }

    /** The palette that gray images of at most 8 bits stand for. */
    private static byte[] grays(int depth) {
        int top = (1 << Math.min(depth, 8)) - 1;
        byte[] colors = new byte[(top + 1) * 3];
        for (int i = 0; i < colors.length; i++) {
            colors[i] = (byte) (i / 3 * (255 / top));
        }
        return colors;
    }

    private Pixels decode() throws BadImage {
        for (int[] pass : header.passes()) {
            int columns = Math.ceilDiv(header.width - pass[0], pass[2]);
            if (columns > 0) {
                decodePass(pass, columns);
            }
        }
        return image;
    }

    private void decodePass(int[] pass, int columns) throws BadImage {
        int length = header.rowBytes(columns);
        byte[] filter = new byte[1];
        byte[] row = new byte[length];
        byte[] above = new byte[length];
        for (int y = pass[1]; y < header.height; y += pass[3]) {
            inflate(filter);
            inflate(row);
            unfilter(filter[0], row, above, Math.max(1, header.bitsPerPixel() / 8));
            expand(row, columns, (y * header.width + pass[0]) * 3, pass[2] * 3);
            byte[] swap = above;
            above = row;
            row = swap;
        }
    }

    /** Fills {@code target} with the next bytes of the compressed stream. */
    private void inflate(byte[] target) throws BadImage {
        try {
            for (int filled = 0; filled < target.length; ) {
                int count = inflater.inflate(target, filled, target.length - filled);
                filled += count;
                if (count == 0) {
                    if (inflater.needsDictionary()) {
                        throw new BadImage("is corrupt: its compressed data asks for a dictionary");
                    }
                    if (inflater.finished() || !data.hasNext()) {
                        throw new BadImage("is truncated");
                    }
                    Chunk chunk = data.next();
                    inflater.setInput(file, chunk.offset(), chunk.length());
                }
            }
        } catch (DataFormatException e) {
            throw new BadImage("is corrupt: its compressed data is damaged", e);
        }
    }

    /** Undoes the row's prediction in place; {@code bpp} is the distance to the byte on the left. */
    private static void unfilter(int filter, byte[] row, byte[] above, int bpp) throws BadImage {
        switch (filter) {
            case 0 -> {}
            case 1 -> {
                for (int i = bpp; i < row.length; i++) {
                    row[i] += row[i - bpp];
                }
            }
            case 2 -> {
                for (int i = 0; i < row.length; i++) {
                    row[i] += above[i];
                }
            }
            case 3 -> {
                for (int i = 0; i < row.length; i++) {
                    int left = i < bpp ? 0 : row[i - bpp] & 0xFF;
                    row[i] += (byte) ((left + (above[i] & 0xFF)) / 2);
                }
            }
            case 4 -> {
                for (int i = 0; i < row.length; i++) {
                    row[i] += i < bpp ? above[i] : (byte) Png.paeth(row[i - bpp] & 0xFF, above[i] & 0xFF, above[i - bpp] & 0xFF);
                }
            }
            default -> throw new BadImage("is corrupt: a row has an unknown filter");
        }
    }

    /** Writes a row's pixels to the image, the first at {@code to}, the next ones {@code step} further each. */
    private void expand(byte[] row, int columns, int to, int step) {
        byte[] rgb = image.rgb();
        int depth = header.depth;
        if (header.bitsPerPixel() <= 8) {
            for (int i = 0; i < columns; i++, to += step) {
                int bit = i * depth;
                int color = (row[bit >> 3] >> (8 - depth - (bit & 7)) & (1 << depth) - 1) * 3;
                // Pillow draws colours that the palette lacks in black.
                if (color + 2 < colors.length) {
                    System.arraycopy(colors, color, rgb, to, 3);
                }
            }
        } else if (header.type == GRAY) {
            // Pillow reads 16-bit gray as integers and saturates them, unlike 16-bit colour.
            for (int i = 0; i < columns; i++, to += step) {
                byte gray = row[2 * i] != 0 ? (byte) 255 : row[2 * i + 1];
                rgb[to] = gray;
                rgb[to + 1] = gray;
                rgb[to + 2] = gray;
            }
        } else {
            int pixel = header.bitsPerPixel() / 8;
            int channel = header.type == GRAY_ALPHA ? 0 : depth / 8;
            for (int i = 0; i < columns; i++, to += step) {
                int from = i * pixel;
                rgb[to] = row[from];
                rgb[to + 1] = row[from + channel];
                rgb[to + 2] = row[from + 2 * channel];
            }
        }
    }
}
