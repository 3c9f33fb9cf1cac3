package org.xomni.image;

/** What is wrong with the bytes of an image, as a predicate: "is truncated". {@link ImageFiles} adds the name. */
final class BadImage extends Exception {
    private static final long serialVersionUID = 1L;
    private static final String ANOTHER = "give another image, or save this one anew as PNG";

    private final String remedy;

    BadImage(String message) {
        super(message);
        this.remedy = ANOTHER;
    }

    BadImage(String message, Throwable cause) {
        super(message, cause);
        this.remedy = ANOTHER;
    }

    private BadImage(String message, String remedy) {
        super(message);
        this.remedy = remedy;
    }

    /** Where saving it anew would not help. */
    static BadImage tooLarge(String message) {
        return new BadImage(message, "give another image, or a smaller copy of this one");
    }

    /** What to do about it, as an order. */
    String remedy() {
        return remedy;
    }
}
