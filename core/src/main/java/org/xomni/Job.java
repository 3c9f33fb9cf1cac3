package org.xomni;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.XOmniException;

/**
 * A task that a {@link ServingEngine} has taken on. Any thread may wait for it or cancel it.
 *
 * @param <R> what comes of it
 */
public final class Job<R extends Task.Result> {
    private static final Logger LOG = LoggerFactory.getLogger(Job.class);

    private final Task task;
    private final Class<R> kind;
    private final Task.Listener listener;
    private final long client;
    private final long number;
    private final long deadline;
    private final Runnable wake;
    private final CompletableFuture<R> result = new CompletableFuture<>();
    private volatile boolean cancelled;
    private volatile boolean begun;
    private volatile @Nullable List<Turn> encoded;
    /** What its listener has thrown. */
    private volatile @Nullable XOmniException unheard;

    /**
     * @param client jobs of one client request share it
     * @param number grows with arrival
     * @param deadline of {@link System#nanoTime}
     * @param wake tells the engine that something has changed
     */
    Job(Task task, Class<R> kind, Task.Listener listener, long client, long number, long deadline, Runnable wake) {
        this.task = task;
        this.kind = kind;
        this.listener = listener;
        this.client = client;
        this.number = number;
        this.deadline = deadline;
        this.wake = wake;
    }

    /**
     * Waits for the result.
     *
     * @throws org.xomni.tensor.InputException if the task cannot be done as it is asked for
     * @throws RefusedException if the engine gave it up
     * @throws CancellationException if it was cancelled
     * @throws XOmniException if its listener threw, or something else went wrong, which is then the cause
     */
    public R await() throws InterruptedException {
        try {
            return result.get();
        } catch (ExecutionException e) {
            throw failure(e);
        }
    }

    /**
     * Waits for the result, but no longer than {@code time}; it fails as {@link #await()} does.
     *
     * @throws TimeoutException if the job has not ended by then; it goes on
     */
    public R await(Duration time) throws InterruptedException, TimeoutException {
        try {
            return result.get(TimeUnit.NANOSECONDS.convert(time), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            throw failure(e);
        }
    }

    private static RuntimeException failure(ExecutionException e) {
        return e.getCause() instanceof RuntimeException known ? known : new XOmniException("the task failed; see the cause", e);
    }

    /** The result for programs that do not wait: it fails as {@link #await()} does, which stages wrap. What depends on it runs where {@link #whenDone} does. */
    public CompletionStage<R> stage() {
        return result.minimalCompletionStage();
    }

    /** Ends the work within a token or a step of the decoder. What is done already stays done. */
    public void cancel() {
        cancelled = true;
        wake.run();
    }

    /**
     * Runs once the job has ended, one way or the other: on the thread that ends it, as a rule one of the engine's, on one that waits for it, or, if it has ended, at once on the
     * caller's. So the action must neither block nor close the engine. What it throws is logged.
     */
    public void whenDone(Runnable action) {
        var unused = result.whenComplete((done, failure) -> {
            try {
                action.run();
            } catch (RuntimeException | Error e) {
                LOG.warn("what was to run after a task failed", e);
            }
        });
    }

    /** Whether it has ended. */
    public boolean done() {
        return result.isDone();
    }

    Task task() {
        return task;
    }

    /** Tells the listener something. One that throws ends its own job, within a token or a step, and hears no more. */
    void tell(Consumer<Task.Listener> what) {
        if (unheard == null) {
            try {
                what.accept(listener);
            } catch (RuntimeException | Error e) {
                unheard = new XOmniException("the listener of the task failed (" + e + "); mend it", e);
            }
        }
    }

    /** For what may fail without harm to the job. */
    Task.Listener listener() {
        return listener;
    }

    long client() {
        return client;
    }

    long number() {
        return number;
    }

    long deadline() {
        return deadline;
    }

    boolean cancelled() {
        return cancelled;
    }

    /** The conversation without pictures that are still to be encoded. */
    List<Turn> conversation() {
        List<Turn> done = encoded;
        return done != null ? done : task.conversation();
    }

    void encoded(List<Turn> conversation) {
        encoded = conversation;
    }

    void begin() {
        begun = true;
    }

    boolean begun() {
        return begun;
    }

    boolean complete(Task.Result value) {
        return result.complete(kind.cast(value));
    }

    /** Failures of other kinds, such as libtorch's, become the cause of one of ours. */
    boolean fail(Throwable failure) {
        boolean known = failure instanceof XOmniException || failure instanceof CancellationException;
        return result.completeExceptionally(known ? failure : new XOmniException("the task failed (" + failure.getClass().getSimpleName() + "); see the cause", failure));
    }

    /** Why it should go no further, or null. */
    @Nullable RuntimeException reasonToEnd() {
        if (cancelled) {
            return new CancellationException("the request was cancelled");
        }
        if (unheard != null) {
            return unheard;
        }
        if (System.nanoTime() - deadline >= 0) {
            return begun
                    ? new RefusedException(RefusedException.Reason.TOOK_TOO_LONG, "the request took longer than it may; ask for less",
                            ServingEngine.RETRY_AFTER)
                    : new RefusedException(RefusedException.Reason.WAITED_TOO_LONG, "the request waited longer than it may; try again",
                            ServingEngine.RETRY_AFTER);
        }
        return null;
    }
}
