package org.xomni.data;

/** A source whose samples are changed, or refused, one by one. */
public record MappedSource(SampleSource source, Change change) implements SampleSource {
    /** What happens to each sample. */
    @FunctionalInterface
    public interface Change {
        /** @throws BrokenSample if the sample is refused */
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
