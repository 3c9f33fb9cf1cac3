package org.xomni.data.signs;

/**
 * How much of the world occurs: a curriculum. Each letter in each pair of colours is a token of its own, and that letters are to be copied from the
 * prompt is found out only once these are known well. With few pairs of colours that is soon.
 */
public enum Level {
    /** One line of capital letters or digits, black on white or white on blue, nothing else. */
    EASY,
    /** Shapes alone, on a background without border: which word means which thing at which place is as hard to find out beside text. */
    SHAPES,
    /** Everything. */
    FULL;

    boolean admits(Scene scene) {
        return switch (this) {
            case EASY -> isEasy(scene);
            case SHAPES -> scene.text().isEmpty() && scene.border().isEmpty();
            case FULL -> true;
        };
    }

    private static boolean isEasy(Scene scene) {
        return scene.border().isEmpty()
                && scene.shapes().isEmpty()
                && scene.text().filter(t -> t.lines().size() == 1
                                && isPlain(scene.background(), t.colour())
                                && t.joined().chars().noneMatch(Character::isLowerCase))
                        .isPresent();
    }

    private static boolean isPlain(Colour background, Colour text) {
        return background == Colour.WHITE && text == Colour.BLACK || background == Colour.BLUE && text == Colour.WHITE;
    }
}
