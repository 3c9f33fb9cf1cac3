package org.xomni.image;

/** What is wrong with the bytes of an image, as a predicate: "is truncated". {@link ImageFiles} adds the name and the remedy. */
final class BadImage extends Exception {
    private static final long serialVersionUID = 1L;

    BadImage(String message) {
        super(message);
    }

    BadImage(String message, Throwable cause) {
        super(message, cause);
    }
}
