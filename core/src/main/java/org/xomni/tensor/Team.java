package org.xomni.tensor;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A fixed number of threads that run the same body, each with its own part number; the caller is part 0. Decoding one token meets a barrier
 * some hundred times, so barriers spin briefly; a team without work sleeps. One thread at a time may use a team.
 */
public final class Team implements AutoCloseable {
    /** Longer than sampling takes between two steps; waking a sleeper would cost as much. */
    private static final long PATIENCE_NANOS = 1_000_000;

    private final int size;
    private final Gate start = new Gate(PATIENCE_NANOS);
    private final Gate meeting = new Gate(PATIENCE_NANOS);
    private final Gate end = new Gate(PATIENCE_NANOS);
    private final AtomicInteger arrived = new AtomicInteger();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile @Nullable IntConsumer body;
    private volatile boolean closed;

    /** What leaves a barrier in the parts that did not fail themselves. */
    private static final class Abandoned extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Abandoned() {
            super("another part of the team failed", null, false, false);
        }
    }

    /**
     * Starts the threads.
     *
     * @param size parts including the caller, at least 1
     */
    public Team(int size) {
        if (size < 1) {
            throw new IllegalArgumentException("a team has at least 1 part, not " + size);
        }
        this.size = size;
        for (int part = 1; part < size; part++) {
            int own = part;
            Thread.ofPlatform().daemon().name("xomni-team-" + part).start(() -> serve(own));
        }
    }

    /** The number of parts. */
    public int size() {
        return size;
    }

    /**
     * Runs {@code body.accept(part)} for every part at the same time and returns when all have ended.
     *
     * @throws IllegalStateException if the team is closed or running
     * @throws RuntimeException or Error: the first that a part threw
     */
    public void run(IntConsumer body) {
        if (closed) {
            throw new IllegalStateException("the team is closed");
        }
        if (!running.compareAndSet(0, size)) {
            throw new IllegalStateException("the team is running");
        }
        this.body = body;
        failure.set(null);
        arrived.set(0);
        int seen = end.phase();
        start.open();
        work(0, body);
        if (running.decrementAndGet() != 0) {
            end.await(seen);
        }
        this.body = null;
        Throwable thrown = failure.get();
        if (thrown instanceof Error error) {
            throw error;
        }
        if (thrown != null) {
            throw (RuntimeException) thrown;
        }
    }

    /**
     * Called from the body by every part, equally often: returns once all parts are here, and what they wrote before is then visible to
     * all. If a part failed it throws instead, and the body should let that pass.
     */
    public void barrier() {
        // The order matters: a failing part sets its failure before it opens the gate.
        int seen = meeting.phase();
        if (failure.get() != null) {
            throw new Abandoned();
        }
        if (arrived.incrementAndGet() == size) {
            arrived.set(0);
            meeting.open();
        } else {
            meeting.await(seen);
        }
        if (failure.get() != null) {
            throw new Abandoned();
        }
    }

    /**
     * Where the range of a part begins when 0..n is split evenly in multiples of {@code step}; it ends at {@code from(part + 1, ...)}.
     *
     * @param part 0..parts
     */
    public static int from(int part, int parts, int n, int step) {
        long blocks = ((long) n + step - 1) / step;
        return (int) Math.min(n, blocks * part / parts * step);
    }

    /** Lets the threads end. Idempotent; not from within {@link #run}. */
    @Override
    public void close() {
        closed = true;
        start.open();
    }

    private void serve(int part) {
        for (int seen = 0; ; seen++) {
            start.await(seen);
            IntConsumer current = body;
            if (closed || current == null) {
                return;
            }
            work(part, current);
            if (running.decrementAndGet() == 0) {
                end.open();
            }
        }
    }

    private void work(int part, IntConsumer current) {
        try {
            current.accept(part);
        } catch (Abandoned e) {
            // The part that failed says why.
        } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            meeting.open();
        }
    }
}
