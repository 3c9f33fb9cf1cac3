package org.xomni.rl.prompt;

import java.util.Optional;
import org.xomni.data.signs.Scene;
import org.xomni.tensor.InputException;

/**
 * What the policy is asked to draw, and what is known about it for judging.
 *
 * @param text the prompt
 * @param height in pixels
 * @param width in pixels
 * @param written all text that the picture shall have, lines separated by line feeds; absent if the prompt asks for none or nobody knows
 * @param scene what the picture shall show, if the prompt is of the signs world; the prompt says all of it
 */
public record Prompt(String text, int height, int width, Optional<String> written, Optional<Scene> scene) {
    public Prompt {
        if (height < 1 || width < 1) {
            throw new InputException("a picture of " + height + "x" + width + " pixels cannot be drawn; give a size such as 128x128");
        }
    }

    /** A prompt about which nothing more is known. */
    public static Prompt of(String text, int height, int width) {
        return new Prompt(text, height, width, Optional.empty(), Optional.empty());
    }
}
