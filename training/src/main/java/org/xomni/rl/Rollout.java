package org.xomni.rl;

import java.util.Arrays;
import org.xomni.image.ImageTokens;

/**
 * One image that the policy drew for a prompt.
 *
 * @param prompt the ids it had read: the prompt and {@code <SOM>h w<IMAGE>}
 * @param image what it drew
 */
@SuppressWarnings("ArrayRecordComponent") // read only
public record Rollout(int[] prompt, ImageTokens image) {

    /** Tokens of the image: what is scored and trained. */
    public int length() {
        return image.ids().length;
    }

    /** Whether another was drawn for the same prompt and size. */
    boolean isOfGroup(Rollout other) {
        return Arrays.equals(prompt, other.prompt) && length() == other.length();
    }
}
