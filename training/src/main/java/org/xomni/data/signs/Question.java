package org.xomni.data.signs;

/** A question about a picture, and its short answer. */
public record Question(Topic topic, String question, String answer) {

    /** What is asked about, for scores by topic. */
    public enum Topic {
        TEXT,
        LINES,
        BACKGROUND,
        TEXT_COLOUR,
        TEXT_PLACE,
        BORDER,
        COUNT,
        SHAPE,
        PLACE,
        DESCRIPTION
    }
}
