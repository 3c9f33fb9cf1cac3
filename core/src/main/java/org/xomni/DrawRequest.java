package org.xomni;

import org.xomni.autoregressive.Sampling;

/**
 * An image to draw.
 *
 * @param prompt what it shows; plain text, control tokens in it are ordinary characters
 * @param height pixels, a multiple of the patch size
 * @param width pixels, a multiple of the patch size
 * @param sampling how tokens are drawn
 * @param seed of tokens and of the decoder's noise: same seed, same machine, same image
 * @param decode how tokens become pixels
 */
public record DrawRequest(String prompt, int height, int width, Sampling sampling, long seed, DecodeSettings decode) {

    /** The reference's settings. */
    public static DrawRequest of(String prompt, int height, int width, long seed) {
        return new DrawRequest(prompt, height, width, Sampling.IMAGE, seed, DecodeSettings.DEFAULT);
    }

    /** The same with other sides, in pixels. */
    public DrawRequest size(int height, int width) {
        return new DrawRequest(prompt, height, width, sampling, seed, decode);
    }

    /** The same with tokens drawn otherwise. */
    public DrawRequest sampling(Sampling sampling) {
        return new DrawRequest(prompt, height, width, sampling, seed, decode);
    }

    /** The same with pixels made otherwise. */
    public DrawRequest decode(DecodeSettings decode) {
        return new DrawRequest(prompt, height, width, sampling, seed, decode);
    }

    /** The same image idea with another seed. */
    public DrawRequest seed(long seed) {
        return new DrawRequest(prompt, height, width, sampling, seed, decode);
    }
}
