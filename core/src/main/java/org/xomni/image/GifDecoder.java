package org.xomni.image;

import java.util.Arrays;

/** The first frame of a GIF (CompuServe GIF89a specification) to RGB with Pillow's rules; a transparent pixel keeps its palette colour. */
final class GifDecoder {
    private static final int MAX_CODES = 4096;

    private GifDecoder() {}

    static Pixels decode(byte[] file, long maxPixels) throws BadImage {
        ByteCursor cursor = new ByteCursor(file);
        if (!cursor.startsWith("GIF87a") && !cursor.startsWith("GIF89a")) {
            throw new BadImage("is a GIF of an unknown version");
        }
        cursor.skip(6);
        int width = cursor.u16le();
        int height = cursor.u16le();
        int flags = cursor.u8();
        cursor.skip(2);
        byte[] colors = colorTable(cursor, flags);
        int background = 0;
        while (true) {
            switch (cursor.u8()) {
                case 0x2C -> {
                    return frame(cursor, height, width, colors, background, maxPixels);
                }
                case 0x21 -> {
                    if (cursor.u8() == 0xF9) {
                        byte[] control = cursor.bytes(cursor.u8());
                        boolean transparent = control.length >= 4 && (control[0] & 1) != 0;
                        background = transparent ? control[3] & 0xFF : 0;
                    }
                    for (int length = cursor.u8(); length > 0; length = cursor.u8()) {
                        cursor.skip(length);
                    }
                }
                case 0x3B -> throw new BadImage("is a GIF without an image");
                default -> throw new BadImage("is corrupt: it has an unknown GIF block");
            }
        }
    }

    private static Pixels frame(ByteCursor cursor, int screenHeight, int screenWidth, byte[] globalColors, int background, long maxPixels)
            throws BadImage {
        int left = cursor.u16le();
        int top = cursor.u16le();
        int width = cursor.u16le();
        int height = cursor.u16le();
        // A frame that sticks out makes the picture larger.
        int imageWidth = Math.max(screenWidth, left + width);
        int imageHeight = Math.max(screenHeight, top + height);
        ImageFiles.checkSize(imageHeight, imageWidth, maxPixels);
        ImageFiles.checkSize(height, width, maxPixels);
        int flags = cursor.u8();
        byte[] colors = colorTable(cursor, flags);
        byte[] palette = palette(colors.length == 0 ? globalColors : colors);
        byte[] codes = lzw(cursor, height * width);
        Pixels image = new Pixels(imageHeight, imageWidth);
        if (imageHeight != height || imageWidth != width) {
            for (int i = 0; i < image.rgb().length; i += 3) {
                System.arraycopy(palette, background * 3, image.rgb(), i, 3);
            }
        }
        boolean interlaced = (flags & 0x40) != 0;
        int from = 0;
        for (int pass = 0; pass < (interlaced ? 4 : 1); pass++) {
            int first = !interlaced || pass == 0 ? 0 : 8 >> pass;
            int step = !interlaced ? 1 : pass == 0 ? 8 : 16 >> pass;
            for (int y = first; y < height; y += step) {
                int to = ((top + y) * imageWidth + left) * 3;
                for (int x = 0; x < width; x++, to += 3) {
                    System.arraycopy(palette, (codes[from++] & 0xFF) * 3, image.rgb(), to, 3);
                }
            }
        }
        return image;
    }

    private static byte[] colorTable(ByteCursor cursor, int flags) throws BadImage {
        return (flags & 0x80) == 0 ? new byte[0] : cursor.bytes(3L * (2 << (flags & 7)));
    }

    /** All 256 colours: those that the table lacks are black, or gray when the table is a gray ramp (or missing), as in Pillow. */
    private static byte[] palette(byte[] colors) {
        byte[] ramp = new byte[3 * 256];
        for (int i = 0; i < ramp.length; i++) {
            ramp[i] = (byte) (i / 3);
        }
        boolean gray = Arrays.equals(colors, 0, colors.length, ramp, 0, colors.length);
        return gray ? ramp : Arrays.copyOf(colors, ramp.length);
    }

    /** Decodes {@code count} palette indices; what may follow them is not looked at. */
    private static byte[] lzw(ByteCursor cursor, int count) throws BadImage {
        int rootBits = cursor.u8();
        if (rootBits < 1 || rootBits > 8) {
            throw new BadImage("is corrupt: its GIF codes have " + rootBits + " bits");
        }
        BlockBits bits = new BlockBits(cursor);
        int clear = 1 << rootBits;
        int end = clear + 1;
        short[] prefix = new short[MAX_CODES];
        byte[] suffix = new byte[MAX_CODES];
        short[] length = new short[MAX_CODES];
        for (int i = 0; i < clear; i++) {
            suffix[i] = (byte) i;
            length[i] = 1;
        }
        byte[] out = new byte[count];
        int size = end + 1;
        int codeBits = rootBits + 1;
        int previous = -1;
        for (int filled = 0; filled < count; ) {
            int code = bits.next(codeBits);
            if (code == clear) {
                size = end + 1;
                codeBits = rootBits + 1;
                previous = -1;
                continue;
            }
            if (code == end) {
                throw new BadImage("is truncated");
            }
            if (code > size || previous < 0 && code > end) {
                throw new BadImage("is corrupt: its compressed data is damaged");
            }
            // A code that is about to be defined stands for the previous string and that string's own first byte.
            int known = code < size ? code : previous;
            int from = filled + length[known];
            byte first = 0;
            for (int at = from, c = known; at > filled; c = prefix[c]) {
                first = suffix[c];
                if (--at < count) {
                    out[at] = first;
                }
            }
            filled = from;
            if (code != known) {
                if (filled < count) {
                    out[filled] = first;
                }
                filled++;
            }
            if (previous >= 0 && size < MAX_CODES) {
                prefix[size] = (short) previous;
                suffix[size] = first;
                length[size] = (short) (length[previous] + 1);
                size++;
                if (size == 1 << codeBits && codeBits < 12) {
                    codeBits++;
                }
            }
            previous = code;
        }
        return out;
    }

    /** Bits of GIF's length-prefixed blocks, low bits first. */
    private static final class BlockBits {
        private final ByteCursor cursor;
        private int left;
        private int held;
        private int heldBits;

        BlockBits(ByteCursor cursor) {
            this.cursor = cursor;
        }

        int next(int bits) throws BadImage {
            while (heldBits < bits) {
                if (left == 0) {
                    left = cursor.u8();
                    if (left == 0) {
                        throw new BadImage("is truncated");
                    }
                }
                left--;
                held |= cursor.u8() << heldBits;
                heldBits += 8;
            }
            int value = held & (1 << bits) - 1;
            held >>>= bits;
            heldBits -= bits;
            return value;
        }
    }
}
