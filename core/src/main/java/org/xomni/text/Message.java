package org.xomni.text;

import java.util.List;
import java.util.regex.Pattern;
import org.xomni.tensor.InputException;

/**
 * One message of a conversation.
 *
 * @param role {@code system}, {@code user}, {@code assistant} or another name that the chat template knows
 * @param content text and images in order
 */
public record Message(String role, List<Span> content) {
    private static final Pattern ROLE = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{0,31}");

    public Message {
        // The template writes the role among control tokens: only a plain name may stand there.
        if (!ROLE.matcher(role).matches()) {
            throw new InputException("a message has the role '" + shorten(role) + "', which is not a name; use system, user or assistant");
        }
        content = List.copyOf(content);
    }

    /** A message of text only; control tokens in it are ordinary characters. */
    public static Message of(String role, String text) {
        return new Message(role, List.of(new Span.Plain(text)));
    }

    private static String shorten(String role) {
        return role.substring(0, Math.min(role.length(), 40)).lines().findFirst().orElse("");
    }
}
