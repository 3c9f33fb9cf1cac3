package org.xomni.data.signs;

import java.util.Optional;
import org.xomni.data.Seeds;

/**
 * The two halves of the world that never meet. A hash decides on each word, number or random string, without its case and punctuation,
 * and on each combination of colours: one in five words and one in eight combinations are held out.
 *
 * <p>A training scene has no held-out word and no held-out combination. A held-out scene has only held-out words and, if it has shapes or a
 * border, at least one held-out combination.
 */
public enum Split {
    TRAIN,
    HELD_OUT;

    /** Chosen such that the commonest words of signs, OPEN among them, can be trained on. */
    private static final long SALT = 20;
    private static final int WORDS = 5;
    private static final int COMBINATIONS = 8;

    /** The half that a word belongs to; punctuation and case do not matter. */
    public static Split of(String word) {
        StringBuilder folded = new StringBuilder(word.length());
        for (int i = 0; i < word.length(); i++) {
            if (Character.isLetterOrDigit(word.charAt(i))) {
                folded.append(Character.toLowerCase(word.charAt(i)));
            }
        }
        return isOneIn(WORDS, SALT, folded.toString().hashCode()) ? HELD_OUT : TRAIN;
    }

    /** Whether a scene may occur in this half. */
    public boolean holds(Scene scene) {
        boolean words = scene.text().stream().flatMap(t -> t.words().stream()).allMatch(w -> of(w) == this);
        boolean combined = scene.border().isPresent() || !scene.shapes().isEmpty();
        return words && (this == TRAIN ? !hasHeldOutCombination(scene) : !combined || hasHeldOutCombination(scene));
    }

    /**
     * Whether training never sees a combination that the scene has: background, colour of the text (or no text) and either a kind of
     * shape with its colour, or the colour of the border.
     */
    static boolean hasHeldOutCombination(Scene scene) {
        Optional<Colour> text = scene.text().map(Scene.Text::colour);
        return scene.border().filter(b -> isHeldOut(scene.background(), text, "BORDER", b)).isPresent()
                || scene.shapes().stream().anyMatch(s -> isHeldOut(scene.background(), text, s.kind().name(), s.colour()));
    }

    private static boolean isHeldOut(Colour background, Optional<Colour> text, String what, Colour colour) {
        // Names, not ordinals: a colour added later moves no combination to the other half.
        String textColour = text.map(Colour::name).orElse("NONE");
        return isOneIn(COMBINATIONS, background.name().hashCode(), textColour.hashCode(), what.hashCode(), colour.name().hashCode());
    }

    private static boolean isOneIn(int n, long... values) {
        return Long.remainderUnsigned(Seeds.mix(values), n) == 0;
    }
}
