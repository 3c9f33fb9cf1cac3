package org.xomni.data;

/**
 * A finite collection of samples with random access, such as what files hold. {@link Shuffled} makes an endless source of it; a single pass
 * in order is {@code records::record}.
 */
public interface Records extends AutoCloseable {

    /** How many there are, broken ones included. */
    long size();

    /**
     * One record. Called by several threads at once.
     *
     * @param number from 0 to below {@link #size}
     * @throws BrokenSample if it cannot be used
     */
    Sample record(long number) throws BrokenSample;

    /** Closes files. */
    @Override
    default void close() {}
}
