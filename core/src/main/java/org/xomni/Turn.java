package org.xomni;

import java.util.Arrays;
import java.util.List;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/**
 * One message of a conversation, as a program gives it.
 *
 * @param role {@code system}, {@code user} or {@code assistant}
 * @param parts what it says and shows; the model reads images before text, as it was trained, whatever their order here
 */
public record Turn(String role, List<Part> parts) {
    /** What a message is made of. */
    public sealed interface Part {}

    /** Plain text; control tokens in it are ordinary characters. */
    public record Text(String text) implements Part {}

    /** An image to encode. */
    public record Picture(Pixels pixels) implements Part {}

    /** An image that is tokens already, such as one that the model drew: it is not encoded again. */
    public record Tokens(ImageTokens tokens) implements Part {}

    public Turn {
        parts = List.copyOf(parts);
    }

    /** A message of the given parts. */
    public static Turn of(String role, Part... parts) {
        return new Turn(role, Arrays.asList(parts));
    }

    /** A message of text only. */
    public static Turn of(String role, String text) {
        return of(role, new Text(text));
    }

    /** All its text, part by part on lines of their own. */
    public String text() {
        return String.join("\n", parts.stream().filter(Text.class::isInstance).map(part -> ((Text) part).text()).toList());
    }

    boolean hasPictures() {
        return parts.stream().anyMatch(Picture.class::isInstance);
    }
}
