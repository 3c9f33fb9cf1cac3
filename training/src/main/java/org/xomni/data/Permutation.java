package org.xomni.data;

import org.xomni.tensor.InputException;

/**
 * A shuffled order of any length without a table: a Feistel network permutes a power of four that is at least {@code size}, and walks on
 * from numbers that lie beyond (Black and Rogaway 2002).
 *
 * @param size how many numbers are permuted
 * @param key picks the permutation
 */
public record Permutation(long size, long key) {
    private static final int ROUNDS = 6;
    private static final long MOST = 1L << 60;

    /** @throws InputException if there is nothing to permute */
    public Permutation {
        if (size < 1 || size > MOST) {
            throw new InputException(size + " records cannot be shuffled; there must be at least 1");
        }
    }

    /** Where the number at a place of the order is found: 0 .. size-1, each for exactly one place. */
    public long at(long place) {
        int half = Math.max(1, (Long.SIZE - Long.numberOfLeadingZeros(size - 1) + 1) / 2);
        long mask = (1L << half) - 1;
        long number = place;
        do {
            long left = number >>> half;
            long right = number & mask;
            for (int round = 0; round < ROUNDS; round++) {
                long next = left ^ Seeds.mix(key, round, right) & mask;
                left = right;
                right = next;
            }
            number = left << half | right;
        } while (number >= size);
        return number;
    }
}
