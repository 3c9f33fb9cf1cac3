package org.xomni.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.InflaterInputStream;
import org.xomni.image.Png.Chunk;
import org.xomni.tensor.Folders;
import org.xomni.tensor.InputException;

/** The texts that a PNG carries in its tEXt, zTXt and iTXt chunks: what {@link PngWriter} put there, or any other program. */
public final class PngText {
    private static final int MAX_TEXT = 1 << 20;
    private static final int MAX_BYTES = 256 << 20;

    private PngText() {}

    /**
     * All texts by keyword, in the file's order; the first wins when a keyword is repeated.
     *
     * @throws InputException if the file is not a PNG, is damaged, or has a text of more than a megabyte
     */
    public static Map<String, String> read(Path file) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new InputException(file + " " + Folders.notAFile(file) + "; give a PNG image");
            }
            if (Files.size(file) > MAX_BYTES) {
                throw new InputException(file + " has more than " + MAX_BYTES + " bytes; give a smaller PNG image");
            }
            return parse(Files.readAllBytes(file));
        } catch (BadImage e) {
            throw new InputException(file + " " + e.getMessage() + "; give a PNG image as it was written", e);
        } catch (IOException e) {
            throw new InputException(file + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    private static Map<String, String> parse(byte[] file) throws BadImage {
        ByteCursor cursor = new ByteCursor(file);
        if (!cursor.startsWith(Png.SIGNATURE)) {
            throw new BadImage("is not a PNG");
        }
        cursor.skip(Png.SIGNATURE.length());
        Map<String, String> texts = new LinkedHashMap<>();
        for (Chunk chunk = Png.next(cursor); !chunk.type().equals("IEND"); chunk = Png.next(cursor)) {
            if (chunk.type().equals("tEXt") || chunk.type().equals("zTXt") || chunk.type().equals("iTXt")) {
                Png.checkCrc(file, chunk);
                ByteCursor data = new ByteCursor(Arrays.copyOfRange(file, chunk.offset(), chunk.offset() + chunk.length()));
                String keyword = new String(untilNull(data), ISO_8859_1);
                texts.putIfAbsent(keyword, text(chunk.type(), data));
            }
        }
        return texts;
    }

    private static String text(String type, ByteCursor data) throws BadImage {
        Charset charset = type.equals("iTXt") ? UTF_8 : ISO_8859_1;
        boolean compressed = type.equals("zTXt");
        if (type.equals("iTXt")) {
            compressed = data.u8() == 1;
        }
        if (!type.equals("tEXt") && data.u8() != 0) {
            throw new BadImage("has a text with an unknown compression");
        }
        if (type.equals("iTXt")) {
            untilNull(data);
            untilNull(data);
        }
        byte[] bytes = data.bytes(data.remaining());
        if (compressed) {
            try (var inflater = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
                bytes = inflater.readNBytes(MAX_TEXT + 1);
            } catch (IOException e) {
                throw new BadImage("has a text whose compressed data is damaged", e);
            }
        }
        if (bytes.length > MAX_TEXT) {
            throw new BadImage("has a text of more than " + MAX_TEXT + " bytes");
        }
        return new String(bytes, charset);
    }

    /** The bytes before the next null, which is skipped. */
    private static byte[] untilNull(ByteCursor data) throws BadImage {
        int start = data.position();
        int length = 0;
        while (data.u8() != 0) {
            length++;
        }
        data.seek(start);
        byte[] bytes = data.bytes(length);
        data.skip(1);
        return bytes;
    }
}
