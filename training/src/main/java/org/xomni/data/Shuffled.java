package org.xomni.data;

import org.xomni.tensor.InputException;

/**
 * Records again and again, each epoch in an order of its own that the seed and the epoch's number decide. Sample i is record
 * {@code i % size}, permuted, of epoch {@code i / size}.
 */
public record Shuffled(Records records, long seed) implements SampleSource {
    /** @throws InputException if there are no records */
    public Shuffled {
        if (records.size() == 0) {
            throw new InputException("there are no records to train on; check the path of the data");
        }
    }

    @Override
    public Sample sample(long index) throws BrokenSample {
        long epoch = index / records.size();
        return records.record(new Permutation(records.size(), Seeds.mix(seed, epoch)).at(index % records.size()));
    }

    @Override
    public void close() {
        records.close();
    }
}
