package org.xomni;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/**
 * Encodes the pictures of conversations and remembers the latest by what they show: clients send a whole conversation with every message.
 * Used by one thread at a time.
 */
final class EncodedImages {
    private static final int MOST = 64;

    private final XOmni xomni;
    private final Map<ByteBuffer, ImageTokens> tokens = new LinkedHashMap<>(MOST, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteBuffer, ImageTokens> eldest) {
            return size() > MOST;
        }
    };

    EncodedImages(XOmni xomni) {
        this.xomni = xomni;
    }

    /** The conversation with tokens in place of pictures. */
    List<Turn> encode(List<Turn> conversation) {
        return conversation.stream().map(this::encode).toList();
    }

    private Turn encode(Turn turn) {
        List<Turn.Part> parts = new ArrayList<>();
        for (Turn.Part part : turn.parts()) {
            parts.add(part instanceof Turn.Picture(Pixels pixels) ? new Turn.Tokens(encode(pixels)) : part);
        }
        return new Turn(turn.role(), parts);
    }

    private ImageTokens encode(Pixels pixels) {
        return tokens.computeIfAbsent(digest(pixels), unused -> xomni.tokenize(pixels));
    }

    private static ByteBuffer digest(Pixels pixels) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            sha.update(ByteBuffer.allocate(Long.BYTES).putInt(pixels.height()).putInt(pixels.width()).flip());
            return ByteBuffer.wrap(sha.digest(pixels.rgb()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }
}
