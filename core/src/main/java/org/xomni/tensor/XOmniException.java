package org.xomni.tensor;

import org.jspecify.annotations.Nullable;

/**
 * What a user of xomni sees when something is wrong: one line with the actual value, what was expected and what to do. Subclasses say
 * whose fault it is; the command line exits with 2 for {@link InputException} and with 1 for the others.
 */
public class XOmniException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public XOmniException(String message) {
        super(message);
    }

    public XOmniException(String message, Throwable cause) {
        super(message, cause);
    }

    /** What a library says of a failure, cut to one line for a message of ours. */
    public static String firstLine(@Nullable String said) {
        return said == null ? "" : said.lines().findFirst().orElse("");
    }
}
