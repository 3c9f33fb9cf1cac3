package org.xomni.data;

import java.util.List;
import org.xomni.tensor.InputException;

/**
 * How several endless sequences are mixed by weight into one: in each block of 4096 places each has its share, in an order drawn anew, and none of its own
 * elements is left out or comes twice.
 */
public final class Shares {
    private static final int BLOCK = 4096;

    private final long seed;
    /** Part k takes the slots from {@code starts[k]} to below {@code starts[k + 1]} of a block, before they are permuted. */
    private final int[] starts;

    /**
     * Shares by weight.
     *
     * @throws InputException if there is no part, or a weight is no positive number or too small beside the others to count
     */
    public Shares(List<Double> weights, long seed) {
        this.seed = seed;
        if (weights.isEmpty()) {
            throw new InputException("a mixture needs at least one source");
        }
        double total = weights.stream().mapToDouble(Double::doubleValue).sum();
        starts = new int[weights.size() + 1];
        double upTo = 0;
        for (int k = 0; k < weights.size(); k++) {
            double weight = weights.get(k);
            if (!(weight > 0) || Double.isInfinite(weight)) {
                throw new InputException("a part of a mixture cannot have the weight " + weight + "; use a number above 0, or leave it out");
            }
            upTo += weight;
            starts[k + 1] = k == weights.size() - 1 ? BLOCK : (int) Math.rint(upTo / total * BLOCK);
            if (starts[k + 1] == starts[k]) {
                throw new InputException("the weight " + weight + " is less than 1/" + BLOCK + " of all weights, " + total
                        + "; raise it or leave the source out");
            }
        }
    }

    /** An element of a part. */
    public record Place(int part, long index) {}

    /** What stands at an index of the mixture. */
    public Place place(long index) {
        long block = index / BLOCK;
        int slot = (int) new Permutation(BLOCK, Seeds.mix(seed, block)).at(index % BLOCK);
        int part = 0;
        while (slot >= starts[part + 1]) {
            part++;
        }
        int each = starts[part + 1] - starts[part];
        return new Place(part, block * each + slot - starts[part]);
    }
}
