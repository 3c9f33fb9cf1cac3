package org.xomni;

import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.XOmniException;

/**
 * A task that a {@link ServingEngine} has taken on. Any thread may wait for it or cancel it.
 *
 * @param <R> what comes of it
 */
public final class Job<R extends Task.Result> {
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
     * @throws XOmniException if its listener threw, which is then the cause
     */
    public R await() throws InterruptedException {
        try {
            return result.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e.getCause() instanceof RuntimeException known ? known : new IllegalStateException(e);
        }
    }

    /** Ends the work within a token or a step of the decoder. What is done already stays done. */
    public void cancel() {
        cancelled = true;
        wake.run();
    }

    /** Runs once the job has ended, one way or the other; at once if it has. */
    public void whenDone(Runnable action) {
        var unused = result.whenComplete((done, failure) -> action.run());
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

    boolean fail(Throwable failure) {
        return result.completeExceptionally(failure);
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
                    ? new RefusedException(RefusedException.Reason.TOOK_TOO_LONG, "the request took longer than the server's --timeout; ask for less",
                            ServingEngine.RETRY_AFTER)
                    : new RefusedException(RefusedException.Reason.WAITED_TOO_LONG, "the request waited longer than the server's --timeout; try again",
                            ServingEngine.RETRY_AFTER);
        }
        return null;
    }
}
