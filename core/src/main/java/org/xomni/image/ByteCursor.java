package org.xomni.image;

import java.util.Arrays;

/** A position in untrusted bytes that never runs past their end: every read either fits or says that the image is truncated. */
final class ByteCursor {
    private final byte[] data;
    private int at;

    ByteCursor(byte[] data) {
        this.data = data;
    }

    int position() {
        return at;
    }

    int remaining() {
        return data.length - at;
    }

    void seek(long position) throws BadImage {
        if (position < 0 || position > data.length) {
            throw truncated();
        }
        at = (int) position;
    }

    void skip(long count) throws BadImage {
        if (count < 0 || count > remaining()) {
            throw truncated();
        }
        at += (int) count;
    }

    byte[] bytes(long count) throws BadImage {
        int from = at;
        skip(count);
        return Arrays.copyOfRange(data, from, at);
    }

    /** Whether the bytes at the position are {@code text} in ASCII. */
    boolean startsWith(String text) {
        if (remaining() < text.length()) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            if ((data[at + i] & 0xFF) != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    int u8() throws BadImage {
        skip(1);
        return data[at - 1] & 0xFF;
    }

    int u16be() throws BadImage {
        return u8() << 8 | u8();
    }

    int u16le() throws BadImage {
        return u8() | u8() << 8;
    }

    int u24le() throws BadImage {
        return u16le() | u8() << 16;
    }

    long u32be() throws BadImage {
        return (long) u16be() << 16 | u16be();
    }

    long u32le() throws BadImage {
        return u16le() | (long) u16le() << 16;
    }

    int i32le() throws BadImage {
        return (int) u32le();
    }

    private static BadImage truncated() {
        return new BadImage("is truncated");
    }
}
