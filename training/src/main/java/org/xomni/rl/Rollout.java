package org.xomni.rl;

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
}
