package org.xomni.data.signs;

import java.util.Locale;
import java.util.Optional;

/**
 * The two halves of the world that never meet. A hash decides on each word, number or random string, without its case and punctuation, and on each
 * combination of colours: one in five words and one in eight combinations are held out.
 *
 * <p>A training scene has no held-out word and no held-out combination. A held-out scene has only held-out words and, if it has shapes or a
 * border, at least one held-out combination.
 */
public enum Split {
    TRAIN,
    HELD_OUT;

    /** Chosen such that the commonest words of signs, OPEN among them, can be trained on. */
    private static final long SALT = 232;
    private static final int WORDS = 5;
    private static final int COMBINATIONS = 8;

    /** The half that a word belongs to; punctuation and case do not matter. */
    public static Split of(String word) {
        long hash = SALT;
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (Character.isLetterOrDigit(c)) {
                hash = mix(hash * 31 + Character.toLowerCase(c));
            }
        }
        return Long.remainderUnsigned(hash, WORDS) == 0 ? HELD_OUT : TRAIN;
    }

    /** Whether a scene may occur in this half. */
    public boolean holds(Scene scene) {
        boolean words = scene.text().stream().flatMap(t -> t.words().stream()).allMatch(w -> of(w) == this);
        boolean combined = scene.border().isPresent() || !scene.shapes().isEmpty();
        return words && (this == TRAIN ? !hasHeldOutCombination(scene) : !combined || hasHeldOutCombination(scene));
    }

    /**
     * Whether training never sees a combination that the scene has: background, colour of the text (or no text) and either a kind of shape with
     * its colour, or the colour of the border.
     */
    static boolean hasHeldOutCombination(Scene scene) {
        Optional<Colour> text = scene.text().map(Scene.Text::colour);
        return scene.border().filter(b -> isHeldOut(scene.background(), text, "BORDER", b)).isPresent()
                || scene.shapes().stream().anyMatch(s -> isHeldOut(scene.background(), text, s.kind().name(), s.colour()));
    }

    private static boolean isHeldOut(Colour background, Optional<Colour> text, String what, Colour colour) {
        long hash = 2;
        for (String part : new String[] {background.name(), text.map(Colour::name).orElse("NONE"), what, colour.name()}) {
            // Names, not ordinals: a colour added later moves no combination to the other half.
            hash = mix(hash * 31 + part.toLowerCase(Locale.ROOT).hashCode());
        }
        return Long.remainderUnsigned(hash, COMBINATIONS) == 0;
    }

    /** Stafford's 13th variant of the 64-bit finaliser of MurmurHash3: every bit of the result depends on every bit of the argument. */
    static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
