package org.xomni.eval;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * How well one picture shows the scene that was asked for.
 *
 * @param values each 0..1; an aspect that the scene does not have is absent
 * @param read the text that was read in the picture, lines separated by line feeds
 */
public record SignsScore(Map<Aspect, Double> values, String read) {
    public SignsScore {
        values = Collections.unmodifiableMap(new EnumMap<>(values));
    }

    /** What is scored. */
    public enum Aspect {
        /** 1 - normalised edit distance between all text in the picture and all that was asked for; scenes with text. */
        TEXT_ACCURACY,
        /** Whether these texts are the same but for case and white space; scenes with text. */
        TEXT_EXACT,
        /** Whether there is no text; scenes without. */
        NO_TEXT,
        /** Whether the text block stands at its height, to half a cell; scenes with text. */
        TEXT_PLACE,
        /** Whether the text has its colour; scenes with text. */
        TEXT_COLOUR,
        /** Whether the background has its colour; all scenes. */
        BACKGROUND,
        /** Whether there is a border of this colour, or none; all scenes. */
        BORDER,
        /** Of the shapes, those of the right kind where they should stand. */
        SHAPE_KIND,
        /** Of the shapes, those of the right colour where they should stand. */
        SHAPE_COLOUR,
        /** Of the shapes, those for which there is one, of any kind and colour, where it should stand. */
        POSITION,
        /** Whether there are as many shapes as there should be; scenes with shapes. */
        COUNT,
        /** Whether there is no shape; scenes without. */
        NO_SHAPE
    }
}
