package org.xomni.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.Deflater;
import org.xomni.tensor.InputException;

/**
 * Writes 8-bit RGB PNGs that carry text: each entry of a map becomes an iTXt chunk (UTF-8), in the map's order, so that an image remembers
 * the prompt, seed and parameters that it was drawn from. The same pixels and texts give the same bytes.
 */
public final class PngWriter {
    private static final int LEVEL = 6;
    private static final int CHANNELS = 3;

    /** The prediction that suits pictures best when only one is used. */
    private static final byte FILTER_PAETH = 4;

    private PngWriter() {}

    /**
     * Writes a PNG file; it appears whole or not at all.
     *
     * @throws InputException if the file cannot be written, or a keyword is not as {@link #encode} demands
     */
    public static void write(Path file, Pixels image, Map<String, String> texts) {
        AtomicFile.write(file, encode(image, texts));
    }

    /**
     * A PNG file's bytes.
     *
     * @throws InputException if a keyword is not 1 to 79 printable Latin-1 characters without a space at either end or two in a row,
     *     or a text contains a null character
     */
    public static byte[] encode(Pixels image, Map<String, String> texts) {
        ByteArrayOutputStream file = new ByteArrayOutputStream(image.rgb().length / 2 + 1024);
        file.writeBytes(Png.SIGNATURE.getBytes(ISO_8859_1));
        Png.write(file, "IHDR", header(image));
        texts.forEach((keyword, text) -> Png.write(file, "iTXt", text(keyword, text)));
        Png.write(file, "IDAT", compress(image));
        Png.write(file, "IEND", new byte[0]);
        return file.toByteArray();
    }

    private static byte[] header(Pixels image) {
        ByteArrayOutputStream header = new ByteArrayOutputStream(13);
        Png.writeInt(header, image.width());
        Png.writeInt(header, image.height());
        // 8 bits, RGB, deflate, adaptive filters, not interlaced.
        header.writeBytes(new byte[] {8, 2, 0, 0, 0});
        return header.toByteArray();
    }

    private static byte[] text(String keyword, String text) {
        boolean printable = keyword.chars().allMatch(c -> c >= 0x20 && c <= 0x7E || c >= 0xA1 && c <= 0xFF);
        if (!printable || keyword.isEmpty() || keyword.length() > 79 || !keyword.equals(keyword.strip()) || keyword.contains("  ")) {
            throw new InputException("\"" + keyword + "\" cannot name a text in a PNG; "
                    + "use 1 to 79 Latin-1 characters, single spaces inside only");
        }
        if (text.indexOf('\0') >= 0) {
            throw new InputException("the text of \"" + keyword + "\" contains a null character, which a PNG cannot hold; remove it");
        }
        ByteArrayOutputStream chunk = new ByteArrayOutputStream();
        chunk.writeBytes(keyword.getBytes(ISO_8859_1));
        // End of keyword, not compressed, method 0, no language tag, no translated keyword.
        chunk.writeBytes(new byte[5]);
        chunk.writeBytes(text.getBytes(UTF_8));
        return chunk.toByteArray();
    }

    private static byte[] compress(Pixels image) {
        int stride = image.width() * CHANNELS;
        byte[] rgb = image.rgb();
        byte[] row = new byte[stride + 1];
        row[0] = FILTER_PAETH;
        byte[] buffer = new byte[1 << 16];
        ByteArrayOutputStream data = new ByteArrayOutputStream(rgb.length / 2 + 64);
        try (Deflater deflater = new Deflater(LEVEL)) {
            for (int y = 0; y < image.height(); y++) {
                for (int i = 0; i < stride; i++) {
                    int at = y * stride + i;
                    int left = i < CHANNELS ? 0 : rgb[at - CHANNELS] & 0xFF;
                    int up = y == 0 ? 0 : rgb[at - stride] & 0xFF;
                    int upLeft = i < CHANNELS || y == 0 ? 0 : rgb[at - stride - CHANNELS] & 0xFF;
                    row[i + 1] = (byte) (rgb[at] - Png.paeth(left, up, upLeft));
                }
                deflater.setInput(row);
                if (y == image.height() - 1) {
                    deflater.finish();
                }
                for (int count = deflater.deflate(buffer); count > 0; count = deflater.deflate(buffer)) {
                    data.write(buffer, 0, count);
                }
            }
        }
        return data.toByteArray();
    }
}
