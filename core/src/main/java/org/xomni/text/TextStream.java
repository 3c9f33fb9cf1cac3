package org.xomni.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Decodes token by token. The pieces joined are the text of all tokens: a character whose bytes come in several tokens is held back until
 * it is whole, and bytes that are no UTF-8 become U+FFFD. Used by one thread at a time.
 */
public final class TextStream {
    private static final byte NEVER_UTF8 = (byte) 0xFF;

    private final TextTokenizer tokenizer;
    private final boolean skipPadding;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] held = {};

    TextStream(TextTokenizer tokenizer, boolean skipPadding) {
        this.tokenizer = tokenizer;
        this.skipPadding = skipPadding;
    }

    /** Takes the next token and returns the text that is now complete, perhaps empty. An id without a token is nothing. */
    public String push(int id) {
        return skipPadding && tokenizer.isPadding(id) ? "" : decode(tokenizer.bytesOf(id), false);
    }

    /** Ends the text: an incomplete character becomes U+FFFD. The stream can then be used anew. */
    public String finish() {
        String rest = decode(new byte[0], true);
        decoder.reset();
        return rest;
    }

    /** Bytes that would be half a surrogate pair are each a U+FFFD to the reference's tokenizer (Rust's {@code from_utf8_lossy}), and one together to Java's decoder. */
    private static void splitSurrogates(byte[] bytes) {
        for (int i = 0; i + 1 < bytes.length; i++) {
            if (bytes[i] == (byte) 0xED && (bytes[i + 1] & 0xE0) == 0xA0) {
                bytes[i] = NEVER_UTF8;
            }
        }
    }

    private String decode(byte[] bytes, boolean end) {
        ByteBuffer in = ByteBuffer.allocate(held.length + bytes.length).put(held).put(bytes).flip();
        splitSurrogates(in.array());
        CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
        decoder.decode(in, out, end);
        if (end) {
            decoder.flush(out);
        }
        held = new byte[in.remaining()];
        in.get(held);
        return out.flip().toString();
    }
}
