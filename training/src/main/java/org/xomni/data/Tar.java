package org.xomni.data;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;

/**
 * The files in a tar, found by reading its headers only: POSIX ustar, pax names and sizes, GNU long names and large sizes. Other things
 * than files, such as folders and links, are passed over.
 */
final class Tar {
    private static final int BLOCK = 512;
    private static final int MAX_EXTENDED = 1 << 20;

    private final DataFile file;
    private final List<Member> members = new ArrayList<>();
    private @Nullable String longName;
    private @Nullable Long longSize;

    /** A file in a tar: its data begins at byte {@code offset}. */
    record Member(String name, long offset, long size) {}

    private Tar(DataFile file) {
        this.file = file;
    }

    /** @throws InputException if the tar is damaged, saying at which byte */
    static List<Member> members(DataFile file) {
        Tar tar = new Tar(file);
        tar.scan();
        return tar.members;
    }

    private void scan() {
        if (file.size() >= 2 && file.read(0, 2)[0] == 0x1F && (file.read(0, 2)[1] & 0xFF) == 0x8B) {
            throw new InputException(file.path() + " is compressed, which cannot be read at any place; unpack it with gunzip");
        }
        long at = 0;
        // Some writers leave out the empty blocks at the end.
        while (at < file.size()) {
            if (file.size() - at < BLOCK) {
                throw damaged(at, "ends within a header");
            }
            byte[] header = file.read(at, BLOCK);
            if (isEmpty(header)) {
                return;
            }
            checkSum(header, at);
            char type = (char) header[156];
            long size = longSize != null && isFile(type) ? longSize : number(header, 124, 12, at);
            long data = at + BLOCK;
            if (size < 0 || size > file.size() - data) {
                throw damaged(at, "has a member of " + size + " bytes, but only " + (file.size() - data) + " follow");
            }
            switch (type) {
                case 'x' -> readPax(extended(data, size, at), at);
                case 'L' -> longName = text(extended(data, size, at), 0, (int) size);
                case 'S' -> throw damaged(at, "has a sparse member, which is not supported; pack it anew");
                default -> {
                    if (isFile(type)) {
                        members.add(new Member(longName != null ? longName : name(header), data, size));
                    }
                    if (type != 'g' && type != 'K') {
                        longName = null;
                        longSize = null;
                    }
                }
            }
            at = data + (size + BLOCK - 1) / BLOCK * BLOCK;
        }
    }

    private static boolean isFile(char type) {
        return type == '0' || type == '\0' || type == '7';
    }

    private byte[] extended(long data, long size, long at) {
        if (size > MAX_EXTENDED) {
            throw damaged(at, "has a name of " + size + " bytes");
        }
        return file.read(data, (int) size);
    }

    /** Records of the form {@code "27 path=some/name.png\n"}; the number counts all bytes of the record. */
    private void readPax(byte[] records, long at) {
        int from = 0;
        while (from < records.length) {
            int length = 0;
            int i = from;
            for (; i < records.length && records[i] >= '0' && records[i] <= '9' && length < MAX_EXTENDED; i++) {
                length = 10 * length + records[i] - '0';
            }
            int end = from + length;
            if (i == records.length || records[i] != ' ' || end > records.length || end < i + 2 || records[end - 1] != '\n') {
                throw damaged(at, "has an extended header that cannot be read");
            }
            String record = new String(records, i + 1, end - i - 2, UTF_8);
            if (record.startsWith("path=")) {
                longName = record.substring(5);
            } else if (record.startsWith("size=")) {
                longSize = paxSize(record.substring(5)).orElseThrow(() -> damaged(at, "has an extended header that cannot be read"));
            }
            from = end;
        }
    }

    private static Optional<Long> paxSize(String digits) {
        return digits.matches("\\d{1,18}") ? Optional.of(Long.valueOf(digits)) : Optional.empty();
    }

    private static String name(byte[] header) {
        String name = text(header, 0, 100);
        boolean ustar = text(header, 257, 6).equals("ustar");
        String prefix = ustar ? text(header, 345, 155) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private static String text(byte[] bytes, int from, int length) {
        int end = from;
        while (end < from + length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, from, end - from, UTF_8);
    }

    private void checkSum(byte[] header, long at) {
        long sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= 148 && i < 156 ? ' ' : header[i] & 0xFF;
        }
        if (sum != number(header, 148, 8, at)) {
            throw damaged(at, "has a header with a wrong checksum");
        }
    }

    /** A number in octal digits, or in GNU's binary form for large ones. */
    private long number(byte[] header, int from, int length, long at) {
        long value = 0;
        if ((header[from] & 0x80) != 0) {
            for (int i = from + length - 8; i < from + length; i++) {
                value = value << 8 | header[i] & 0xFF;
            }
            return value;
        }
        for (char c : text(header, from, length).strip().toCharArray()) {
            if (c < '0' || c > '7') {
                throw damaged(at, "has a header with a number that cannot be read");
            }
            value = value << 3 | c - '0';
        }
        return value;
    }

    private static boolean isEmpty(byte[] block) {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    private InputException damaged(long at, String what) {
        return new InputException(file.path() + " is damaged at byte " + at + ": it " + what + "; restore the shard");
    }
}
