package org.xomni.tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a zip archive byte for byte as PyTorch's own writer does: stored records whose data start at multiples of 64 bytes (by an extra
 * field {@code FB} full of {@code Z}), no times, CRC and sizes in a descriptor after the data, a zip64 end record always and zip64 fields
 * where a size or an offset needs them. A record without data has no descriptor.
 */
final class ZipWriter {
    private static final int ALIGNMENT = 64;
    private static final int UTF8_NAME = 0x0800;
    private static final int DESCRIPTOR_FOLLOWS = 0x0008;
    private static final long IN_ZIP64_EXTRA = 0xFFFF_FFFFL;
    private static final short PADDING_EXTRA = (short) ('F' | 'B' << 8);

    private final NewFile out;
    private final List<ByteBuffer> directory = new ArrayList<>();

    ZipWriter(NewFile out) {
        this.out = out;
    }

    /** Adds a record. */
    void add(String recordName, MemorySegment data) throws IOException {
        byte[] name = recordName.getBytes(StandardCharsets.UTF_8);
        long offset = out.position();
        long size = data.byteSize();
        short flags = (short) (size == 0 ? UTF8_NAME : UTF8_NAME | DESCRIPTOR_FOLLOWS);
        byte[] zip64 = zip64Extra(size, size, offset);
        int unpadded = 30 + name.length + zip64.length + 4;
        int padding = (int) (Math.ceilDiv(offset + unpadded, ALIGNMENT) * ALIGNMENT - offset - unpadded);
        ByteBuffer local = buffer(unpadded + padding);
        local.putInt(0x04034b50).putShort((short) 0).putShort(flags);
        local.position(26).putShort((short) name.length).putShort((short) (zip64.length + 4 + padding)).put(name);
        // Like all local fields that the descriptor repeats, the second size is not filled in here.
        local.put(zip64Extra(size, 0, offset)).putShort(PADDING_EXTRA).putShort((short) padding);
        while (local.hasRemaining()) {
            local.put((byte) 'Z');
        }
        out.write(local);

        int crc = out.write(data);
        if (size != 0) {
            boolean wide = zip64.length > 0;
            ByteBuffer descriptor = buffer(wide ? 24 : 16).putInt(0x08074b50).putInt(crc);
            out.write(wide ? descriptor.putLong(size).putLong(size) : descriptor.putInt((int) size).putInt((int) size));
        }

        ByteBuffer entry = buffer(46 + name.length + zip64.length);
        entry.putInt(0x02014b50).putInt(0).putShort(flags);
        entry.position(16).putInt(crc).putInt(field(size)).putInt(field(size)).putShort((short) name.length).putShort((short) zip64.length);
        entry.position(42).putInt(field(offset)).put(name).put(zip64);
        directory.add(entry);
    }

    /** Writes the directory; nothing may follow. */
    void finish() throws IOException {
        long start = out.position();
        for (ByteBuffer entry : directory) {
            out.write(entry);
        }
        long end = out.position();
        long size = end - start;
        int records = directory.size();
        ByteBuffer zip64 = buffer(56 + 20);
        zip64.putInt(0x06064b50).putLong(44).putShort((short) 0x031e).putShort((short) 45).putLong(0);
        zip64.putLong(records).putLong(records).putLong(size).putLong(start);
        zip64.putInt(0x07064b50).putInt(0).putLong(end).putInt(1);
        out.write(zip64);
        short count = (short) Math.min(records, 0xFFFF);
        out.write(buffer(22).putInt(0x06054b50).putInt(0).putShort(count).putShort(count).putInt(field(size)).putInt(field(start)));
    }

    private static byte[] zip64Extra(long size, long storedSize, long offset) {
        int fields = (size >= IN_ZIP64_EXTRA ? 2 * Long.BYTES : 0) + (offset >= IN_ZIP64_EXTRA ? Long.BYTES : 0);
        byte[] extra = new byte[fields == 0 ? 0 : 4 + fields];
        if (fields > 0) {
            ByteBuffer buffer = ByteBuffer.wrap(extra).order(ByteOrder.LITTLE_ENDIAN).putShort((short) 1).putShort((short) fields);
            if (size >= IN_ZIP64_EXTRA) {
                buffer.putLong(size).putLong(storedSize);
            }
            if (offset >= IN_ZIP64_EXTRA) {
                buffer.putLong(offset);
            }
        }
        return extra;
    }

    private static int field(long value) {
        return (int) Math.min(value, IN_ZIP64_EXTRA);
    }

    private static ByteBuffer buffer(int capacity) {
        return ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
    }
}
