package org.xomni.autoregressive;

import org.xomni.tensor.InputException;

/**
 * How the next token is drawn. The defaults are the reference's.
 *
 * @param guidance s of classifier-free guidance, {@code uncond + s (cond - uncond)} on log-probabilities; 1 for none
 * @param temperature divides the scores; 0 takes the best one
 * @param topK keeps the K best; 0 for all
 * @param topP keeps the smallest set that holds this much probability; 1 for all
 * @param minP keeps what has at least this fraction of the best one's probability; 0 for all
 */
public record Sampling(double guidance, double temperature, int topK, double topP, double minP) {
    /** The reference's settings for images. */
    public static final Sampling IMAGE = new Sampling(1, 1, 50, 1, 0.03);
    /** The best token each time, as the reference chats. */
    public static final Sampling GREEDY = new Sampling(1, 0, 0, 1, 0);

    public Sampling {
        require(guidance >= 0 && guidance <= 100, "cfg", guidance, "0 to 100, 1 for none");
        require(temperature >= 0 && temperature <= 100, "temperature", temperature, "0 to 100");
        require(topK >= 0, "top-k", topK, "1 or more, or 0 for all");
        require(topP > 0 && topP <= 1, "top-p", topP, "a number above 0 and at most 1");
        require(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1");
    }

    private static void require(boolean ok, String name, Number value, String expected) {
        if (!ok) {
            throw new InputException("--" + name + " " + value + " is out of range; use " + expected);
        }
    }

    /** Sampled text: the library defaults that the reference inherits, top-k 50. */
    public static Sampling text(double temperature) {
        return temperature == 0 ? GREEDY : new Sampling(1, temperature, 50, 1, 0);
    }

    /** Whether an unconditional branch is needed. */
    public boolean guided() {
        return guidance != 1;
    }
}
