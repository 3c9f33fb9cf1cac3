package org.xomni.image;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * WebP (Google's container specification) to RGB: the still image or an animation's first frame, alpha dropped. The plug-in is given a
 * file with nothing but the coded frame, so it parses no profile, EXIF, alpha or animation.
 */
final class WebpDecoder {
    private WebpDecoder() {}

    /** A coded frame: a {@code "VP8 "} (lossy) or {@code "VP8L"} (lossless) chunk, and the size that its own header states. */
    private record Frame(String type, byte[] data, int height, int width) {}

    static Pixels decode(byte[] file, long maxPixels) throws BadImage {
        ByteCursor cursor = new ByteCursor(file);
        cursor.skip(4);
        long length = cursor.u32le();
        if (!cursor.startsWith("WEBP")) {
            throw new BadImage("is a RIFF file, but not a WebP image");
        }
        if (length > cursor.remaining()) {
            throw new BadImage("is truncated");
        }
        cursor.skip(4);
        Pixels canvas = null;
        while (cursor.remaining() > 0) {
            if (cursor.startsWith("VP8X")) {
                cursor.skip(12);
                int width = cursor.u24le() + 1;
                int height = cursor.u24le() + 1;
                ImageFiles.checkSize(height, width, maxPixels);
                canvas = new Pixels(height, width);
                continue;
            }
            if (cursor.startsWith("ANMF")) {
                cursor.skip(8);
                int left = cursor.u24le() * 2;
                int top = cursor.u24le() * 2;
                cursor.skip(10);
                return paint(canvas, frame(cursor, maxPixels), top, left);
            }
            if (cursor.startsWith("VP8 ") || cursor.startsWith("VP8L")) {
                return paint(canvas, frame(cursor, maxPixels), 0, 0);
            }
            skipChunk(cursor);
        }
        throw new BadImage("is a WebP file without an image");
    }

    private static void skipChunk(ByteCursor cursor) throws BadImage {
        cursor.skip(4);
        long length = cursor.u32le();
        cursor.skip(length);
        cursor.skip(Math.min(length & 1, cursor.remaining()));
    }

    /** The first coded frame from here on. */
    private static Frame frame(ByteCursor cursor, long maxPixels) throws BadImage {
        boolean lossy = cursor.startsWith("VP8 ");
        while (!lossy && !cursor.startsWith("VP8L")) {
            skipChunk(cursor);
            lossy = cursor.startsWith("VP8 ");
        }
        cursor.skip(4);
        byte[] data = cursor.bytes(cursor.u32le());
        ByteCursor header = new ByteCursor(data);
        int width;
        int height;
        if (lossy) {
            boolean keyFrame = (header.u24le() & 1) == 0;
            if (!keyFrame || header.u24le() != 0x2A019D) {
                throw new BadImage("is corrupt: it does not begin with a VP8 key frame");
            }
            width = header.u16le() & 0x3FFF;
            height = header.u16le() & 0x3FFF;
        } else {
            if (header.u8() != 0x2F) {
                throw new BadImage("is corrupt: it does not begin with a VP8L image");
            }
            int sizes = header.i32le();
            width = (sizes & 0x3FFF) + 1;
            height = (sizes >> 14 & 0x3FFF) + 1;
        }
        ImageFiles.checkSize(height, width, maxPixels);
        return new Frame(lossy ? "VP8 " : "VP8L", data, height, width);
    }

    private static Pixels paint(@Nullable Pixels canvas, Frame frame, int top, int left) throws BadImage {
        Pixels image = canvas == null ? new Pixels(frame.height, frame.width) : canvas;
        if (top + frame.height > image.height() || left + frame.width > image.width()) {
            throw new BadImage("is corrupt: its frame is larger than its canvas");
        }
        Raster raster = read(frame);
        if (raster.getWidth() != frame.width || raster.getHeight() != frame.height || raster.getNumBands() < 3) {
            throw new BadImage("is corrupt: its frame does not have the stated size");
        }
        int[] row = new int[frame.width * raster.getNumBands()];
        for (int y = 0; y < frame.height; y++) {
            raster.getPixels(0, y, frame.width, 1, row);
            int to = ((top + y) * image.width() + left) * 3;
            for (int from = 0; from < row.length; from += raster.getNumBands()) {
                image.rgb()[to++] = (byte) row[from];
                image.rgb()[to++] = (byte) row[from + 1];
                image.rgb()[to++] = (byte) row[from + 2];
            }
        }
        return image;
    }

    private static Raster read(Frame frame) throws BadImage {
        ImageReader reader = null;
        try (var in = new MemoryCacheImageInputStream(new ByteArrayInputStream(bareFile(frame)))) {
            reader = new WebPImageReaderSpi().createReaderInstance(null);
            reader.setInput(in, true, true);
            return reader.read(0).getRaster();
        } catch (IOException | RuntimeException e) {
            throw new BadImage("is corrupt: its WebP data is damaged", e);
        } finally {
            if (reader != null) {
                reader.dispose();
            }
        }
    }

    private static byte[] bareFile(Frame frame) {
        int padded = frame.data.length + (frame.data.length & 1);
        ByteBuffer file = ByteBuffer.allocate(20 + padded).order(ByteOrder.LITTLE_ENDIAN);
        file.put(ascii("RIFF")).putInt(12 + padded).put(ascii("WEBP"));
        file.put(ascii(frame.type)).putInt(frame.data.length).put(frame.data);
        return file.array();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(US_ASCII);
    }
}
