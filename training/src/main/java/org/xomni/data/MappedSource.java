package org.xomni.data;

/** A source whose samples are changed, or refused, one by one. */
record MappedSource(SampleSource source, Change change) implements SampleSource {
    /** What happens to each sample. */
    @FunctionalInterface
    interface Change {
        Sample apply(Sample sample) throws BrokenSample;
    }

    @Override
    public Sample sample(long index) throws BrokenSample {
        return change.apply(source.sample(index));
    }

    @Override
    public void close() {
        source.close();
    }
}
