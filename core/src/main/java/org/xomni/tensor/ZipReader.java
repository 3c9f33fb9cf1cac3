package org.xomni.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Finds the records of a mapped zip archive, zip64 included, as slices of the map. Only stored (not compressed) records are taken, which is
 * what {@code torch.save} writes. Names are keys and nothing else: no file is ever made from one.
 */
final class ZipReader {
    private static final int END = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int ZIP64_LOCATOR = 0x07064b50;
    private static final int ZIP64_LOCATOR_BYTES = 20;
    private static final int ZIP64_END = 0x06064b50;
    private static final int DIRECTORY_ENTRY = 0x02014b50;
    private static final int DIRECTORY_ENTRY_BYTES = 46;
    private static final int LOCAL_HEADER = 0x04034b50;
    private static final int LOCAL_HEADER_BYTES = 30;
    private static final int ZIP64_EXTRA = 1;
    private static final long IN_ZIP64_EXTRA = 0xFFFF_FFFFL;
    private static final long MAX_RECORDS = 1 << 20;

    private final MappedFile file;
    private final Map<String, MemorySegment> records = new LinkedHashMap<>();

    private ZipReader(MappedFile file) {
        this.file = file;
    }

    /**
     * The records by name, in the order of the directory.
     *
     * @throws CheckpointException if the archive is cut off, damaged, encrypted, compressed or has two records of one name
     */
    static Map<String, MemorySegment> records(MappedFile file) {
        ZipReader reader = new ZipReader(file);
        try {
            reader.readDirectory();
        } catch (IndexOutOfBoundsException e) {
            // Every access below is checked by the segment; offsets that overflow become negative and are refused there as well.
            throw file.damaged("its zip directory points outside of the file of " + file.bytes().byteSize() + " bytes");
        }
        return reader.records;
    }

    private void readDirectory() {
        MemorySegment bytes = file.bytes();
        long end = findEnd();
        long count = u16(bytes, end + 10);
        long size = u32(bytes, end + 12);
        long offset = u32(bytes, end + 16);
        long locator = end - ZIP64_LOCATOR_BYTES;
        if (locator >= 0 && i32(bytes, locator) == ZIP64_LOCATOR) {
            long zip64 = i64(bytes, locator + 8);
            if (i32(bytes, zip64) != ZIP64_END) {
                throw file.damaged("its zip64 directory is not where it should be, at byte " + zip64);
            }
            count = i64(bytes, zip64 + 32);
            size = i64(bytes, zip64 + 40);
            offset = i64(bytes, zip64 + 48);
        }
        if (count < 0 || count > MAX_RECORDS) {
            throw file.damaged("it has " + Long.toUnsignedString(count) + " records, expected at most " + MAX_RECORDS);
        }
        MemorySegment directory = bytes.asSlice(offset, size);
        long at = 0;
        for (long i = 0; i < count; i++) {
            at += readEntry(directory.asSlice(at));
        }
    }

    /** The end record is the last thing in the file but for its own comment. */
    private long findEnd() {
        long size = file.bytes().byteSize();
        for (long at = size - END_BYTES; at >= Math.max(0, size - END_BYTES - 0xFFFF); at--) {
            if (i32(file.bytes(), at) == END && at + END_BYTES + u16(file.bytes(), at + 20) == size) {
                return at;
            }
        }
        throw file.damaged("it has no zip directory at its end, so it is cut off");
    }

    /** Adds a record and returns the bytes of its entry. */
    private int readEntry(MemorySegment entry) {
        if (i32(entry, 0) != DIRECTORY_ENTRY) {
            throw file.damaged("its zip directory has something else than an entry after " + records.size() + " records");
        }
        int flags = u16(entry, 8);
        int method = u16(entry, 10);
        int nameBytes = u16(entry, 28);
        int extraBytes = u16(entry, 30);
        String name = name(entry, DIRECTORY_ENTRY_BYTES, nameBytes);
        if ((flags & 1) != 0 || method != 0) {
            String kind = (flags & 1) != 0 ? "encrypted" : "compressed";
            throw file.fault("has the " + kind + " record " + Json.quoted(name) + ", expected stored records only",
                    "load it in PyTorch and torch.save it again");
        }
        MemorySegment zip64 = zip64Extra(entry.asSlice(DIRECTORY_ENTRY_BYTES + nameBytes, extraBytes));
        long[] fields = {u32(entry, 24), u32(entry, 20), u32(entry, 42)};
        int next = 0;
        for (int i = 0; i < fields.length; i++) {
            if (fields[i] == IN_ZIP64_EXTRA) {
                fields[i] = i64(zip64, next);
                next += Long.BYTES;
            }
        }
        if (fields[0] != fields[1]) {
            throw file.damaged("record " + Json.quoted(name) + " is stored, yet its sizes " + fields[0] + " and " + fields[1] + " differ");
        }
        if (records.put(name, data(name, fields[2], fields[0])) != null) {
            throw file.damaged("it has two records " + Json.quoted(name));
        }
        return DIRECTORY_ENTRY_BYTES + nameBytes + extraBytes + u16(entry, 32);
    }

    private static MemorySegment zip64Extra(MemorySegment extra) {
        for (long at = 0; at + 4 <= extra.byteSize(); at += 4 + u16(extra, at + 2)) {
            if (u16(extra, at) == ZIP64_EXTRA) {
                return extra.asSlice(at + 4, u16(extra, at + 2));
            }
        }
        return MemorySegment.NULL;
    }

    private MemorySegment data(String name, long localHeader, long size) {
        MemorySegment local = file.bytes().asSlice(localHeader);
        int nameBytes = u16(local, 26);
        if (i32(local, 0) != LOCAL_HEADER || !name(local, LOCAL_HEADER_BYTES, nameBytes).equals(name)) {
            throw file.damaged("record " + Json.quoted(name) + " is not where the zip directory says, at byte " + localHeader);
        }
        return local.asSlice(LOCAL_HEADER_BYTES + nameBytes + u16(local, 28), size);
    }

    private static String name(MemorySegment segment, long at, int length) {
        return new String(segment.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    private static int u16(MemorySegment segment, long at) {
        return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), at));
    }

    private static int i32(MemorySegment segment, long at) {
        return segment.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), at);
    }

    private static long u32(MemorySegment segment, long at) {
        return Integer.toUnsignedLong(i32(segment, at));
    }

    private static long i64(MemorySegment segment, long at) {
        return segment.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), at);
    }
}
