package org.xomni.autoregressive;

/** What the model writes next. In text mode it cannot open an image, in image mode it writes nothing but image tokens. */
public enum Head {
    /** Scores the text ids 0 .. vocabSize-1. */
    TEXT,
    /** Scores the image tokens, ids vocabSize .. vocabSize+imageVocabSize-1. */
    IMAGE;

    /** The id of this head's first score. */
    int firstId(UnifiedConfig config) {
        return this == TEXT ? 0 : config.vocabSize();
    }
}
