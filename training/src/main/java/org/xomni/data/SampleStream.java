package org.xomni.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/**
 * Samples in order, made ahead on other threads. Broken ones are counted, named (the first few in the log) and skipped, so the sequence is
 * the same at any number of threads; a run resumes with a new stream that begins at {@link #position}.
 *
 * <p>Used by one thread. It does not own what it reads from: close the stream first, then the source.
 *
 * @param <T> what is made of a place in the sequence: a {@link Sample}, or what a stage makes of one
 */
public final class SampleStream<T> implements AutoCloseable {
    /** So many broken samples in a row mean that the data or the settings are wrong, not some records. */
    private static final int MOST_SKIPPED_IN_A_ROW = 1000;

    private static final int NAMED = 5;

    private static final Logger LOG = LoggerFactory.getLogger(SampleStream.class);

    private final Maker<T> maker;
    private final ExecutorService threads;
    private final int ahead;
    private final Deque<Future<T>> waiting = new ArrayDeque<>();
    /** The index of the first of {@code waiting}. */
    private long head;
    private long position;
    private long skipped;
    private final List<String> named = new ArrayList<>();

    /** Makes what stands at a place of the sequence: {@code source::sample}, for example. Called by several threads at once. */
    @FunctionalInterface
    public interface Maker<T> {
        /** @throws BrokenSample if there is nothing usable at this place */
        T make(long index) throws BrokenSample;
    }

    /**
     * Samples that could not be used.
     *
     * @param count of all
     * @param named what was wrong with the first few, each with its name
     */
    public record Skipped(long count, List<String> named) {
        public static final Skipped NONE = new Skipped(0, List.of());
    }

    /** What was made, and where. */
    public record Indexed<T>(long index, T value) {}

    /** A stream with room for 16 samples ahead, or four for each thread if that is more. */
    public SampleStream(Maker<T> maker, long position, int threads) {
        this(maker, position, threads, Math.max(16, 4 * threads));
    }

    /**
     * @param position where to begin, from 0
     * @param threads how many make samples
     * @param ahead the most samples that are ready or being made
     * @throws InputException if the position is negative or there is no thread
     */
    public SampleStream(Maker<T> maker, long position, int threads, int ahead) {
        if (position < 0 || threads < 1 || ahead < 1) {
            throw new InputException("a sample stream cannot begin at " + position + " with " + threads + " threads, " + ahead
                    + " samples ahead; begin at 0 or later, with at least 1 of each");
        }
        this.maker = maker;
        this.ahead = ahead;
        this.head = position;
        this.position = position;
        this.threads = Executors.newFixedThreadPool(
                threads, Thread.ofPlatform().daemon().name("data-", 0).factory());
    }

    /**
     * The next sample that is not broken. What the source throws otherwise comes out here, and again at each later call.
     *
     * @throws InputException if a thousand samples in a row are broken
     */
    public Indexed<T> next() {
        for (int inARow = 0; ; inARow++) {
            while (waiting.size() < ahead) {
                long index = head + waiting.size();
                waiting.add(threads.submit(() -> maker.make(index)));
            }
            try {
                T value = waiting.getFirst().get();
                Indexed<T> next = new Indexed<>(head, value);
                advance();
                position = head;
                return next;
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof BrokenSample broken)) {
                    throw surfaced(e);
                }
                if (inARow == MOST_SKIPPED_IN_A_ROW - 1) {
                    throw new InputException(MOST_SKIPPED_IN_A_ROW + " samples in a row cannot be used; the last: " + broken.getMessage()
                            + "; check the data and the filters", broken);
                }
                skip(broken);
                advance();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new XOmniException("interrupted while waiting for sample " + head, e);
            }
        }
    }

    private void advance() {
        Future<T> unused = waiting.removeFirst();
        head++;
    }

    private void skip(BrokenSample broken) {
        skipped++;
        if (skipped <= NAMED) {
            named.add("sample " + head + " is skipped: " + broken.getMessage());
            LOG.warn("sample {} is skipped: {}", head, broken.getMessage());
        } else if (Long.bitCount(skipped) == 1) {
            LOG.warn("{} samples are skipped so far; the latest, {}: {}", skipped, head, broken.getMessage());
        }
    }

    private static RuntimeException surfaced(ExecutionException e) {
        return switch (e.getCause()) {
            case RuntimeException cause -> cause;
            case Error cause -> throw cause;
            case null, default -> new XOmniException("a sample cannot be made: " + e.getCause(), e);
        };
    }

    /** The index after the last sample that {@link #next} returned: where a stream begins that goes on from here. */
    public long position() {
        return position;
    }

    /** The broken samples so far. */
    public Skipped skipped() {
        return new Skipped(skipped, List.copyOf(named));
    }

    /** Stops the threads; a sample that is being made is finished first, so that its source may be closed. */
    @Override
    public void close() {
        waiting.forEach(w -> {
            boolean unused = w.cancel(false);
        });
        waiting.clear();
        // Not shutdownNow: an interrupt would close the file channels that sources share.
        threads.shutdown();
        try {
            if (!threads.awaitTermination(1, TimeUnit.MINUTES)) {
                LOG.warn("a sample is still being made a minute after its stream was closed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
