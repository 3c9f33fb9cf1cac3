package org.xomni.rl;

import java.util.List;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;

/** Makes pictures of tokens; {@link FixedDecoder} is the real one. */
@FunctionalInterface
public interface TokenPainter {

    /**
     * Paints images.
     *
     * @param prompts of the images; decoders conditioned on text look at them
     * @param seeds of the noise, one for each
     * @return one picture for each rollout, in order
     */
    List<Pixels> paint(List<Prompt> prompts, List<Rollout> rollouts, long[] seeds);
}
