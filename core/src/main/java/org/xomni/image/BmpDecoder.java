package org.xomni.image;

import java.util.Arrays;

/**
 * Windows and OS/2 bitmaps to RGB with Pillow's rules: palette images of 1, 4 and 8 bits, plain or run-length coded, and 16, 24 and 32
 * bits with the usual or given channel masks. Alpha is dropped.
 */
final class BmpDecoder {
    private static final int RAW = 0;
    private static final int RLE8 = 1;
    private static final int RLE4 = 2;
    private static final int MASKS = 3;

    private BmpDecoder() {}

    private record Header(int width, int height, boolean topDown, int depth, int compression, int colors, int size) {}

    static Pixels decode(byte[] file, long maxPixels) throws BadImage {
        ByteCursor cursor = new ByteCursor(file);
        cursor.skip(10);
        long dataOffset = cursor.u32le();
        Header header = header(cursor, maxPixels);
        Pixels image = new Pixels(header.height, header.width);
        if (header.depth <= 8) {
            byte[] palette = palette(cursor, header);
            cursor.seek(dataOffset == 0 ? cursor.position() : dataOffset);
            paint(image, header, palette, header.compression == RAW ? rawIndices(cursor, header) : runs(cursor, header));
        } else {
            int[] masks = masks(cursor, header);
            cursor.seek(dataOffset == 0 ? cursor.position() : dataOffset);
            packed(cursor, image, header, masks);
        }
        return image;
    }

    private static Header header(ByteCursor cursor, long maxPixels) throws BadImage {
        int start = cursor.position();
        long size = cursor.u32le();
        boolean core = size == 12;
        if (!core && !(size >= 40 && size <= 124)) {
            throw new BadImage("is a BMP of an unknown kind");
        }
        int width = core ? cursor.u16le() : cursor.i32le();
        int height = core ? cursor.u16le() : cursor.i32le();
        ImageFiles.checkSize(Math.abs((long) height), width, maxPixels);
        cursor.skip(2);
        int depth = cursor.u16le();
        int compression = core ? RAW : cursor.i32le();
        long colors = 0;
        if (!core) {
            cursor.skip(12);
            colors = cursor.u32le();
        }
        boolean known = switch (depth) {
            case 1 -> compression == RAW;
            case 4 -> compression == RAW || compression == RLE4;
            case 8 -> compression == RAW || compression == RLE8;
            case 16, 24, 32 -> compression == RAW || compression == MASKS;
            default -> false;
        };
        if (!known || depth <= 8 && colors > 256) {
            throw new BadImage("is a BMP with " + depth + " bits, compression " + compression + " and " + colors
                    + " colours, which is not supported");
        }
        cursor.seek(start + size);
        int paletteSize = colors == 0 ? 1 << Math.min(depth, 8) : (int) colors;
        return new Header(width, Math.abs(height), height < 0, depth, compression, paletteSize, (int) size);
    }

    /** All 256 colours as RGB: those that the file lacks are black, or gray when its own are a gray ramp, as in Pillow. */
    private static byte[] palette(ByteCursor cursor, Header header) throws BadImage {
        int entry = header.size == 12 ? 3 : 4;
        byte[] colors = new byte[3 * 256];
        boolean gray = true;
        for (int i = 0; i < header.colors; i++) {
            byte[] color = cursor.bytes(entry);
            colors[3 * i] = color[2];
            colors[3 * i + 1] = color[1];
            colors[3 * i + 2] = color[0];
            gray &= (color[0] & 0xFF) == i && (color[1] & 0xFF) == i && (color[2] & 0xFF) == i;
        }
        for (int i = header.colors; gray && i < 256; i++) {
            Arrays.fill(colors, 3 * i, 3 * i + 3, (byte) i);
        }
        return colors;
    }

    private static int row(Header header, int line) {
        return header.topDown ? line : header.height - 1 - line;
    }

    private static void paint(Pixels image, Header header, byte[] palette, byte[] indices) {
        for (int line = 0; line < header.height; line++) {
            int from = line * header.width;
            int to = row(header, line) * header.width * 3;
            for (int x = 0; x < header.width; x++, to += 3) {
                System.arraycopy(palette, (indices[from + x] & 0xFF) * 3, image.rgb(), to, 3);
            }
        }
    }

    private static int rowBytes(Header header) {
        return Math.toIntExact(((long) header.width * header.depth + 31) / 32 * 4);
    }

    private static byte[] rawIndices(ByteCursor cursor, Header header) throws BadImage {
        int depth = header.depth;
        byte[] indices = new byte[header.width * header.height];
        for (int line = 0; line < header.height; line++) {
            byte[] packed = cursor.bytes(rowBytes(header));
            for (int x = 0; x < header.width; x++) {
                int bit = x * depth;
                indices[line * header.width + x] = (byte) (packed[bit >> 3] >> (8 - depth - (bit & 7)) & (1 << depth) - 1);
            }
        }
        return indices;
    }

    /** Run-length coded indices; what the runs skip stays 0. */
    private static byte[] runs(ByteCursor cursor, Header header) throws BadImage {
        int width = header.width;
        boolean nibbles = header.compression == RLE4;
        byte[] indices = new byte[width * header.height];
        int x = 0;
        int y = 0;
        while (y < header.height) {
            int count = cursor.u8();
            int value = cursor.u8();
            if (count > 0) {
                for (int i = 0; i < count; i++, x++) {
                    put(indices, header, x, y, !nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
                }
            } else if (value == 0) {
                x = 0;
                y++;
            } else if (value == 1) {
                break;
            } else if (value == 2) {
                x += cursor.u8();
                y += cursor.u8();
            } else {
                byte[] literal = cursor.bytes(nibbles ? (value + 1) / 2 : value);
                for (int i = 0; i < value; i++, x++) {
                    put(indices, header, x, y, !nibbles ? literal[i] : i % 2 == 0 ? literal[i / 2] >> 4 & 15 : literal[i / 2] & 15);
                }
                // Literal runs are padded to 16 bits.
                cursor.skip(literal.length % 2);
            }
        }
        return indices;
    }

    private static void put(byte[] indices, Header header, int x, int y, int value) {
        if (x < header.width && y < header.height) {
            indices[y * header.width + x] = (byte) value;
        }
    }

    /** Red, green and blue masks. */
    private static int[] masks(ByteCursor cursor, Header header) throws BadImage {
        int[] usual = header.depth == 16 ? new int[] {0x7C00, 0x3E0, 0x1F} : new int[] {0xFF0000, 0xFF00, 0xFF};
        if (header.compression == RAW) {
            return usual;
        }
        if (header.size > 40) {
            // Larger headers hold the masks themselves, where the small one is followed by them.
            cursor.seek(14 + 40);
        }
        int[] given = {cursor.i32le(), cursor.i32le(), cursor.i32le()};
        cursor.seek(Math.max(cursor.position(), 14 + header.size));
        return given[0] == 0 && given[1] == 0 && given[2] == 0 ? usual : given;
    }

    private static void packed(ByteCursor cursor, Pixels image, Header header, int[] masks) throws BadImage {
        int bytes = header.depth / 8;
        for (int line = 0; line < header.height; line++) {
            byte[] packed = cursor.bytes(rowBytes(header));
            int to = row(header, line) * header.width * 3;
            for (int x = 0; x < header.width; x++) {
                int pixel = 0;
                for (int i = 0; i < bytes; i++) {
                    pixel |= (packed[x * bytes + i] & 0xFF) << (8 * i);
                }
                for (int mask : masks) {
                    image.rgb()[to++] = channel(pixel, mask);
                }
            }
        }
    }

    /** The bits of {@code pixel} under {@code mask}, scaled to 0..255 and rounded down as Pillow does. */
    private static byte channel(int pixel, int mask) {
        if (mask == 0) {
            return 0;
        }
        int shift = Integer.numberOfTrailingZeros(mask);
        long top = Integer.toUnsignedLong(mask >>> shift);
        return (byte) (Integer.toUnsignedLong((pixel & mask) >>> shift) * 255 / top);
    }
}
