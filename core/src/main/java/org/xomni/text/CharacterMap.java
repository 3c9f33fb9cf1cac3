package org.xomni.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;

/**
 * The character map of a SentencePiece normaliser, checked before the native library walks it without looking (an index out of range
 * there ends the JVM). Its layout: the size of a trie in bytes, the trie (Darts, a double array of 32-bit units), and the replacements
 * as UTF-8 strings that end with NUL. All numbers are little-endian.
 */
final class CharacterMap {
    private CharacterMap() {}

    /** Throws a CheckpointException naming {@code file} if the map, in base64, would lead outside itself. */
    static void check(Path file, String base64) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
            int size = bytes.remaining() < 8 ? -1 : bytes.getInt();
            if (size < 4 || size % 4 != 0 || size > bytes.remaining()) {
                throw TokenizerFile.wrong(file, "the trie of its character map is truncated");
            }
            int[] trie = new int[size / 4];
            bytes.asIntBuffer().get(trie);
            byte[] replacements = Arrays.copyOfRange(bytes.array(), 4 + size, bytes.capacity());
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(replacements));
            if (!closed(trie, replacements)) {
                throw TokenizerFile.wrong(file, "its character map points outside itself");
            }
        } catch (IllegalArgumentException | CharacterCodingException e) {
            throw TokenizerFile.wrong(file, "its character map is neither base64 nor UTF-8");
        }
    }

    /** Whether every walk from the root stays inside the trie, and every leaf names the start of a character. */
    private static boolean closed(int[] trie, byte[] replacements) {
        BitSet seen = new BitSet(trie.length);
        Deque<Integer> open = new ArrayDeque<>();
        open.add(offset(trie[0]));
        while (!open.isEmpty()) {
            int node = open.remove();
            // The walk looks at the child of any byte, which lies in the same block of 256 units.
            if ((node | 0xFF) >= trie.length) {
                return false;
            }
            for (int label = 1; label < 256; label++) {
                int unit = trie[node ^ label];
                if ((unit & 0x8000_00FF) == label) {
                    int child = node ^ label ^ offset(unit);
                    boolean leaf = (unit & 0x100) != 0;
                    if (child >= trie.length || (leaf && !startsCharacter(replacements, trie[child] & 0x7FFF_FFFF))) {
                        return false;
                    }
                    if (!seen.get(child)) {
                        seen.set(child);
                        open.add(child);
                    }
                }
            }
        }
        return true;
    }

    private static int offset(int unit) {
        return unit >>> 10 << ((unit & 0x200) >>> 6);
    }

    private static boolean startsCharacter(byte[] text, int index) {
        return index == text.length || (index < text.length && (text[index] & 0xC0) != 0x80);
    }
}
