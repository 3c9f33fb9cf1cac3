package org.xomni.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The alphabet of byte-level BPE (GPT-2): every byte is written as one printable character. Printable Latin-1 characters stand for
 * themselves, the other 68 bytes for U+0100 and onwards in order.
 */
public final class ByteLevel {
    private static final char[] SYMBOLS = new char[256];
    private static final short[] BYTES = new short[0x100 + 68];

    static {
        Arrays.fill(BYTES, (short) -1);
        char next = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
            SYMBOLS[b] = printable ? (char) b : next++;
            BYTES[SYMBOLS[b]] = (short) b;
        }
    }

    private ByteLevel() {}

    /** The character that stands for a byte, 0..255. */
    public static char symbol(int b) {
        return SYMBOLS[b];
    }

    /** The bytes of a token written in this alphabet, or the UTF-8 bytes of one that is not. */
    static byte[] bytes(String token) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = token.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                return token.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }
}
