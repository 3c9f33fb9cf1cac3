package org.xomni.image;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.util.zip.CRC32;

/** What the readers and the writer of PNG share (W3C PNG specification): the signature, chunks and their checksums, the Paeth predictor. */
final class Png {
    static final String SIGNATURE = "\u0089PNG\r\n\u001A\n";

    private Png() {}

    /** A chunk whose data stands at {@code offset} in the file; its checksum has not been looked at. */
    record Chunk(String type, int offset, int length, long crc) {}

    /** Reads the next chunk's frame and skips its data. */
    static Chunk next(ByteCursor cursor) throws BadImage {
        long length = cursor.u32be();
        StringBuilder type = new StringBuilder(4);
        for (int i = 0; i < 4; i++) {
            type.append((char) cursor.u8());
        }
        int offset = cursor.position();
        cursor.skip(length);
        return new Chunk(type.toString(), offset, (int) length, cursor.u32be());
    }

    static void checkCrc(byte[] file, Chunk chunk) throws BadImage {
        if (crc(file, chunk.offset - 4, chunk.length + 4) != chunk.crc) {
            throw new BadImage("is corrupt: the checksum of a chunk does not match");
        }
    }

    /** Appends a chunk with its checksum. */
    static void write(ByteArrayOutputStream file, String type, byte[] data) {
        ByteArrayOutputStream checked = new ByteArrayOutputStream(data.length + 4);
        checked.writeBytes(type.getBytes(US_ASCII));
        checked.writeBytes(data);
        byte[] bytes = checked.toByteArray();
        writeInt(file, data.length);
        file.writeBytes(bytes);
        writeInt(file, (int) crc(bytes, 0, bytes.length));
    }

    static void writeInt(ByteArrayOutputStream file, int value) {
        file.write(value >> 24);
        file.write(value >> 16);
        file.write(value >> 8);
        file.write(value);
    }

    /** The neighbour, each 0..255, that is nearest to {@code left + up - upLeft} (section 9.4). */
    static int paeth(int left, int up, int upLeft) {
        int estimate = left + up - upLeft;
        int toLeft = Math.abs(estimate - left);
        int toUp = Math.abs(estimate - up);
        int toUpLeft = Math.abs(estimate - upLeft);
        return toLeft <= toUp && toLeft <= toUpLeft ? left : toUp <= toUpLeft ? up : upLeft;
    }

    /** The checksum of a chunk's type and data. */
    private static long crc(byte[] bytes, int offset, int length) {
        CRC32 crc = new CRC32();
        crc.update(bytes, offset, length);
        return crc.getValue();
    }
}
