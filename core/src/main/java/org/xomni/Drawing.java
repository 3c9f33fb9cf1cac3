package org.xomni;

import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/**
 * A drawn image.
 *
 * @param tokens what the unified model wrote
 * @param pixels what the decoder made of it
 * @param seed the seed of both
 */
public record Drawing(ImageTokens tokens, Pixels pixels, long seed) {}
