package org.xomni.data.signs;

import java.util.Optional;
import org.xomni.data.Seeds;

/**
 * Parts of the world. What is held out, words and combinations of colours, is in no part that is trained on; practice has combinations that training has not. A hash
 * decides on each word, number or random string, without its case and punctuation, and on each combination of colours: one in five words is held out; of
 * sixteen combinations fourteen are trained on, one is practised, one is held out.
 */
public enum Split {
    /** What training sees from the beginning: scenes without a held-out word, all of whose combinations are trained on. */
    TRAIN,
    /** What scores are measured on: scenes with held-out words only and, if they have shapes or a border, at least one held-out combination. */
    HELD_OUT,
    /**
     * What is practised late, when the other combinations are known so well that the caption is no longer read: scenes without a held-out word or combination
     * and, if they have shapes or a border, with at least one combination that training has not shown before.
     */
    PRACTICE,
    /** Scenes with held-out words only and combinations of colours as they come, seven in eight of which training shows: what somebody asks for who knows nothing of them. */
    HELD_OUT_WORDS;

    /** Chosen such that the commonest words of signs, OPEN among them, can be trained on. */
    private static final long SALT = 20;
    private static final int WORDS = 5;
    private static final int COMBINATIONS = 16;

    /** The part that a word belongs to, {@link #TRAIN} or {@link #HELD_OUT}; punctuation and case do not matter. */
    public static Split of(String word) {
        StringBuilder folded = new StringBuilder(word.length());
        for (int i = 0; i < word.length(); i++) {
            if (Character.isLetterOrDigit(word.charAt(i))) {
                folded.append(Character.toLowerCase(word.charAt(i)));
            }
        }
        return Long.remainderUnsigned(Seeds.mix(SALT, folded.toString().hashCode()), WORDS) == 0 ? HELD_OUT : TRAIN;
    }

    /** The part that its words belong to: practice has those of training. */
    Split words() {
        return isHeldOut() ? HELD_OUT : TRAIN;
    }

    /** Whether scores are measured on it, so that nothing may be trained on it. */
    public boolean isHeldOut() {
        return this == HELD_OUT || this == HELD_OUT_WORDS;
    }

    /** Whether a scene may occur in this part. */
    public boolean holds(Scene scene) {
        return scene.text().stream().flatMap(t -> t.words().stream()).allMatch(w -> of(w) == words()) && holdsCombinations(scene);
    }

    private boolean holdsCombinations(Scene scene) {
        boolean combined = scene.border().isPresent() || !scene.shapes().isEmpty();
        return switch (this) {
            case TRAIN -> !has(HELD_OUT, scene) && !has(PRACTICE, scene);
            case HELD_OUT -> !combined || has(HELD_OUT, scene);
            case PRACTICE -> !combined || has(PRACTICE, scene) && !has(HELD_OUT, scene);
            case HELD_OUT_WORDS -> true;
        };
    }

    /**
     * Whether a scene has a combination of a part: background, colour of the text (or no text) and either a kind of shape with its colour, or the colour of the
     * border.
     */
    private static boolean has(Split part, Scene scene) {
        Optional<Colour> text = scene.text().map(Scene.Text::colour);
        return scene.border().filter(b -> of(scene.background(), text, "BORDER", b) == part).isPresent()
                || scene.shapes().stream().anyMatch(s -> of(scene.background(), text, s.kind().name(), s.colour()) == part);
    }

    private static Split of(Colour background, Optional<Colour> text, String what, Colour colour) {
        // Names, not ordinals: a colour added later moves no combination to another part.
        String textColour = text.map(Colour::name).orElse("NONE");
        long hash = Seeds.mix(background.name().hashCode(), textColour.hashCode(), what.hashCode(), colour.name().hashCode());
        return switch ((int) Long.remainderUnsigned(hash, COMBINATIONS)) {
            case 0 -> HELD_OUT;
            case 8 -> PRACTICE;
            default -> TRAIN;
        };
    }
}
