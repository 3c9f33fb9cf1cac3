package org.xomni.data.signs;

import java.util.Locale;

/** A shape of two by two cells. */
public record Shape(Kind kind, Colour colour, Place place) {

    /** What it is. */
    public enum Kind {
        CIRCLE,
        SQUARE,
        TRIANGLE,
        STAR;

        /** The plain word for it: {@code circle}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
