package org.xomni.data;

import java.util.List;
import org.xomni.tensor.InputException;

/**
 * Several sources mixed by weight. Every block of {@value #BLOCK} samples takes a fixed number from each source, by weight, in an order
 * that the seed and the block's number decide; so a source's share is exact in the long run, and where a sample comes from is computed from
 * its index alone. Each sample of each source comes once, a source's own order is kept from block to block.
 */
public final class Mixture implements SampleSource {
    private static final int BLOCK = 4096;

    private final List<Part> parts;
    private final long seed;
    /** Part k takes the slots from {@code starts[k]} to below {@code starts[k + 1]} of a block, before they are permuted. */
    private final int[] starts;

    /** A source and how often it is taken, relative to the others. */
    public record Part(SampleSource source, double weight) {
        /** @throws InputException if the weight is not a number above 0 */
        public Part {
            if (!(weight > 0) || Double.isInfinite(weight)) {
                throw new InputException("a source cannot have the weight " + weight + "; use a number above 0, or leave the source out");
            }
        }
    }

    /** @throws InputException if there is no source, or a weight is too small beside the others to count */
    public Mixture(List<Part> parts, long seed) {
        this.parts = List.copyOf(parts);
        this.seed = seed;
        if (parts.isEmpty()) {
            throw new InputException("a mixture needs at least one source");
        }
        double total = parts.stream().mapToDouble(Part::weight).sum();
        starts = new int[parts.size() + 1];
        double upTo = 0;
        for (int k = 0; k < parts.size(); k++) {
            upTo += parts.get(k).weight();
            starts[k + 1] = k == parts.size() - 1 ? BLOCK : (int) Math.rint(upTo / total * BLOCK);
            if (starts[k + 1] == starts[k]) {
                throw new InputException("the weight " + parts.get(k).weight() + " is less than 1/" + BLOCK + " of all weights, " + total
                        + "; raise it or leave the source out");
            }
        }
    }

    /** Where a sample comes from. */
    record Place(int part, long index) {}

    Place place(long index) {
        long block = index / BLOCK;
        int slot = (int) new Permutation(BLOCK, Seeds.mix(seed, block)).at(index % BLOCK);
        int part = 0;
        while (slot >= starts[part + 1]) {
            part++;
        }
        int each = starts[part + 1] - starts[part];
        return new Place(part, block * each + slot - starts[part]);
    }

    @Override
    public Sample sample(long index) throws BrokenSample {
        Place place = place(index);
        return parts.get(place.part).source.sample(place.index);
    }

    @Override
    public void close() {
        parts.forEach(p -> p.source.close());
    }
}
