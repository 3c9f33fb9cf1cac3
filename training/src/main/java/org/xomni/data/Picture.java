package org.xomni.data;

import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/** A picture of a sample: as it was read, or already as tokens. */
public sealed interface Picture {

    /** Not yet tokenised. */
    record Raw(Pixels pixels) implements Picture {}

    /** Tokens of the frozen image tokenizer. */
    record Tokenised(ImageTokens tokens) implements Picture {}
}
