package org.xomni.train;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.xomni.tensor.Engine;

/**
 * Threads that each work alone, in each of which libtorch and our kernels use one thread. This makes more of two cores than threads that help each other with
 * small matrices (docs/log.md).
 */
public final class Workers implements AutoCloseable {
    private final int count;
    private final ExecutorService threads;

    /** @param count at least 1; 1 is the caller's own thread, with all that libtorch uses */
    public Workers(int count) {
        this.count = count;
        this.threads = Executors.newFixedThreadPool(count, Thread.ofPlatform().daemon().name("worker-", 0).factory());
    }

    public int count() {
        return count;
    }

    /**
     * Does every part, all at the same time.
     *
     * @param part gets 0..count-1
     * @return what came of them, in order
     * @throws RuntimeException the first, in order, that a part threw
     */
    public <T> List<T> each(IntFunction<T> part) {
        if (count == 1) {
            return List.of(part.apply(0));
        }
        int before = Engine.threads();
        List<Future<T>> results = IntStream.range(0, count)
                .mapToObj(i -> threads.submit(() -> Engine.alone(() -> part.apply(i))))
                .toList();
        try {
            return all(results);
        } finally {
            // What a worker sets for itself is also what threads begin with that libtorch has not seen yet.
            Engine.threads(before);
        }
    }

    /** Waits for all, whatever becomes of one: what they work on belongs to the caller. */
    private static <T> List<T> all(List<Future<T>> results) {
        List<T> done = new ArrayList<>();
        List<RuntimeException> failed = new ArrayList<>();
        for (Future<T> result : results) {
            try {
                done.add(get(result));
            } catch (RuntimeException e) {
                failed.add(e);
            }
        }
        if (!failed.isEmpty()) {
            failed.subList(1, failed.size()).forEach(failed.getFirst()::addSuppressed);
            throw failed.getFirst();
        }
        return done;
    }

    /** A task that a worker does. */
    public interface Task<T> {
        T apply(int worker, int task);
    }

    /**
     * Shares out tasks, the same in every call: worker w does the tasks w, w + count, w + 2 count, ... Where there are fewer tasks than workers the caller's
     * own thread does all, as worker 0, with all that libtorch uses.
     *
     * @return what came of each task
     */
    public <T> List<T> share(int tasks, Task<T> task) {
        if (tasks < count) {
            return IntStream.range(0, tasks).mapToObj(i -> task.apply(0, i)).toList();
        }
        List<List<T>> done = each(worker ->
                IntStream.iterate(worker, i -> i < tasks, i -> i + count).mapToObj(i -> task.apply(worker, i)).toList());
        return IntStream.range(0, tasks).mapToObj(i -> done.get(i % count).get(i / count)).toList();
    }

    private static <T> T get(Future<T> result) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return result.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof RuntimeException known) {
                        throw known;
                    }
                    throw new IllegalStateException("a worker failed", e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
