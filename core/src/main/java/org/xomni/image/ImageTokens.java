package org.xomni.image;

import java.util.Arrays;
import org.xomni.tensor.InputException;

/**
 * An image as the language model sees it: a grid of semantic tokens (paper section 3.1), {@code height} rows of {@code width} codes. The
 * ids are indices into the codebook, 0..K-1 in row-major order, not vocabulary ids. Immutable, compared by value.
 */
@SuppressWarnings("ArrayRecordComponent") // copied on the way in and out, compared by value
public record ImageTokens(int height, int width, int[] ids) {
    /** @throws InputException if a side is not positive, the count of ids is not {@code height * width}, or an id is negative */
    public ImageTokens {
        if (height < 1 || width < 1) {
            throw new InputException("a token grid of " + height + "x" + width + " is empty; height and width must be at least 1");
        }
        if ((long) height * width != ids.length) {
            throw new InputException("a token grid of " + height + "x" + width + " needs " + (long) height * width
                    + " tokens, but there are " + ids.length + "; give one token for each cell, row by row");
        }
        ids = ids.clone();
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0) {
                throw new InputException("token " + i + " is " + ids[i] + "; tokens are codebook indices, 0 or more");
            }
        }
    }

    /** A copy of the codes, {@code height * width}, row-major. */
    @Override
    public int[] ids() {
        return ids.clone();
    }

    /**
     * Checks that every token names a code of a codebook with {@code size} entries, and returns this.
     *
     * @throws InputException naming the first token that does not
     */
    public ImageTokens requireCodebook(int size) {
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] >= size) {
                throw new InputException("token " + i + " is " + ids[i] + ", but this checkpoint's codebook has only " + size
                        + " codes; use tokens made by the same checkpoint");
            }
        }
        return this;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ImageTokens that && that.height == height && that.width == width && Arrays.equals(that.ids, ids);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * height + width) + Arrays.hashCode(ids);
    }

    @Override
    public String toString() {
        return "ImageTokens[" + height + "x" + width + "]";
    }
}
