package org.xomni.data;

/**
 * An endless, seeded sequence of samples with random access. Sample {@code i} depends on the source's settings and on {@code i} only, so
 * that a run resumes exactly by remembering how far it was, and any thread may make any sample.
 */
public interface SampleSource extends AutoCloseable {

    /**
     * The sample at a place of the sequence. Called by several threads at once.
     *
     * @param index from 0
     * @throws BrokenSample if the record there cannot be used; the caller counts it, names it and goes on with the next
     */
    Sample sample(long index) throws BrokenSample;

    /** Closes files. */
    @Override
    default void close() {}
}
