package org.xomni.data;

import org.xomni.tensor.InputException;

/**
 * A sample as the unified model reads it, and what it learns from it. Arrays are handed over, not copied.
 *
 * @param ids vocabulary ids [L]
 * @param supervised [L], whether predicting {@code ids[i]} from the ids before it counts; never for the first, which nothing precedes
 */
@SuppressWarnings("ArrayRecordComponent")
public record TokenSequence(int[] ids, boolean[] supervised) {
    /** @throws InputException if it is empty, the lengths differ, or the first id is supervised */
    public TokenSequence {
        if (ids.length == 0 || ids.length != supervised.length || supervised[0]) {
            throw new InputException("a sequence has " + ids.length + " ids and " + supervised.length
                    + " marks of what is supervised; give one mark for each of at least 1 id, the first false");
        }
    }

    /** How many ids it has. */
    public int length() {
        return ids.length;
    }

    /** How many ids are supervised. */
    public int supervisedCount() {
        int count = 0;
        for (boolean s : supervised) {
            count += s ? 1 : 0;
        }
        return count;
    }
}
