package org.xomni.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.xomni.tensor.Folders;
import org.xomni.tensor.InputException;

/**
 * Reads PNG, JPEG, WebP, GIF (first frame) and BMP images as Pillow's {@code Image.open(f).convert("RGB")} does, which is what the
 * reference trains and runs on: alpha is dropped, not composited; gamma, colour profiles and EXIF orientation play no part; 16-bit colour
 * keeps its high byte, while 16-bit gray saturates at 255. The pixels are bit for bit those of Pillow 11.3 with its libjpeg-turbo, with two
 * exceptions: lossy WebP is approximate (1 to 10 levels off on average, more at sharp colour edges), as the plug-in's VP8 decoder is not
 * exact; and chroma that a JPEG subsamples only vertically is enlarged without smoothing.
 *
 * <p>The bytes are not trusted: dimensions are checked before anything is decoded, metadata is never parsed or inflated, and damage of any
 * kind is an {@link InputException}.
 */
public final class ImageFiles {
    /** The pixel limit unless told otherwise: 64 megapixels. */
    public static final long MAX_PIXELS = 64L << 20;

    /** So that a row of 8-byte pixels, the widest of all formats, still fits an array, whatever limit a caller sets. */
    private static final long HARD_LIMIT = (1L << 28) - 1;

    private static final int MAX_BYTES = 256 << 20;

    private ImageFiles() {}

    /** {@link #read(Path, long)} with the limit {@link #MAX_PIXELS}. */
    public static Pixels read(Path file) {
        return read(file, MAX_PIXELS);
    }

    /**
     * Reads an image file of at most {@code maxPixels} pixels (and never more than 256 megapixels).
     *
     * @throws InputException if the file is missing, not an image of a known format, damaged, or too large
     */
    public static Pixels read(Path file, long maxPixels) {
        if (!Files.isRegularFile(file)) {
            throw new InputException(file + " " + Folders.notAFile(file) + "; give a PNG, JPEG, WebP, GIF or BMP image");
        }
        try (InputStream in = Files.newInputStream(file)) {
            return read(in, file.toString(), maxPixels);
        } catch (IOException e) {
            throw new InputException(file + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    /**
     * Reads an image from a stream, to its end; the caller closes it.
     *
     * @param name what to call the image in messages
     * @throws IOException if the stream fails
     * @throws InputException if it is not an image of a known format, damaged, or too large
     */
    public static Pixels read(InputStream in, String name, long maxPixels) throws IOException {
        byte[] bytes = in.readNBytes(MAX_BYTES + 1);
        if (bytes.length > MAX_BYTES) {
            throw new InputException(name + " has more than " + MAX_BYTES + " bytes; give a smaller image");
        }
        return decode(bytes, name, maxPixels);
    }

    /** {@link #decode(byte[], String, long)} with the limit {@link #MAX_PIXELS}. */
    public static Pixels decode(byte[] bytes, String name) {
        return decode(bytes, name, MAX_PIXELS);
    }

    /**
     * Decodes an image.
     *
     * @param name what to call the image in messages
     * @throws InputException if it is not an image of a known format, damaged, or has more than {@code maxPixels} pixels
     */
    public static Pixels decode(byte[] bytes, String name, long maxPixels) {
        if (bytes.length == 0) {
            throw new InputException(name + " is empty; give a PNG, JPEG, WebP, GIF or BMP image");
        }
        try {
            ByteCursor cursor = new ByteCursor(bytes);
            if (cursor.startsWith(Png.SIGNATURE)) {
                return PngDecoder.decode(bytes, maxPixels);
            }
            if (cursor.startsWith("\u00FF\u00D8\u00FF")) {
                return JpegDecoder.decode(bytes, maxPixels);
            }
            if (cursor.startsWith("RIFF")) {
                return WebpDecoder.decode(bytes, maxPixels);
            }
            if (cursor.startsWith("GIF8")) {
                return GifDecoder.decode(bytes, maxPixels);
            }
            if (cursor.startsWith("BM")) {
                return BmpDecoder.decode(bytes, maxPixels);
            }
        } catch (BadImage e) {
            throw new InputException(name + " " + e.getMessage() + "; " + e.remedy(), e);
        }
        throw new InputException(name + " is not a PNG, JPEG, WebP, GIF or BMP image; convert it to one of these");
    }

    /** Checks what a header says before anything of that size is allocated. */
    static void checkSize(long height, long width, long maxPixels) throws BadImage {
        long limit = Math.min(maxPixels, HARD_LIMIT);
        if (height < 1 || width < 1) {
            throw new BadImage("has a size of " + width + "x" + height + " pixels");
        }
        // Sides first: their product could overflow.
        if (height > limit || width > limit || height * width > limit) {
            throw BadImage.tooLarge("has " + width + "x" + height + " pixels, more than the limit of " + limit);
        }
    }
}
