package org.xomni.data;

import java.util.List;
import org.xomni.tensor.InputException;

/**
 * Several sources mixed by weight. Every block of 4096 samples takes a fixed number from each source, by weight, in an order
 * that the seed and the block's number decide; so a source's share is exact in the long run, and where a sample comes from is computed from
 * its index alone. Each sample of each source comes once, a source's own order is kept from block to block.
 */
public final class Mixture implements SampleSource {
    private final List<Part> parts;
    private final Shares shares;

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
        this.shares = new Shares(parts.stream().map(Part::weight).toList(), seed);
    }

    @Override
    public Sample sample(long index) throws BrokenSample {
        Shares.Place place = shares.place(index);
        return parts.get(place.part()).source.sample(place.index());
    }

    @Override
    public void close() {
        parts.forEach(p -> p.source.close());
    }
}
