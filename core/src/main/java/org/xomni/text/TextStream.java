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
    private final TextTokenizer tokenizer;
    private final boolean skipSpecial;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] held = {};

    TextStream(TextTokenizer tokenizer, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
    }

    /** Takes the next token and returns the text that is now complete, perhaps empty. An id without a token is nothing. */
    public String push(int id) {
        return skipSpecial && tokenizer.isSpecial(id) ? "" : decode(tokenizer.bytesOf(id), false);
    }

    /** Ends the text: an incomplete character becomes U+FFFD. The stream can then be used anew. */
    public String finish() {
        String rest = decode(new byte[0], true);
        decoder.reset();
        return rest;
    }

    private String decode(byte[] bytes, boolean end) {
        ByteBuffer in = ByteBuffer.allocate(held.length + bytes.length).put(held).put(bytes).flip();
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
