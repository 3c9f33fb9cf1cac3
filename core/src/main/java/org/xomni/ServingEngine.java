package org.xomni;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/**
 * Serves many at once from one model: a bounded queue and continuous batching. Tasks join the batch and leave it between two tokens; pictures and
 * answers share it. A place that becomes free goes to the client with the fewest rows in the batch, then to the task that came first, so nobody
 * who asks for ten pictures keeps another waiting for all of them.
 *
 * <p>One thread owns the unified model ({@link ServingBatch}), others encode pictures and make pixels of tokens ({@link ServingVision}); the
 * {@link XOmni} may not be used by others while the engine is open. Every task has its own random numbers, so that a seed draws the same picture:
 * up to rounding, or to the bit with {@link ServingLimits#deterministic}.
 */
public final class ServingEngine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServingEngine.class);

    /** What a client that was refused is told to wait. */
    static final Duration RETRY_AFTER = Duration.ofSeconds(2);

    /** Steps for which a picture whose tokens are drawn waits for another. */
    private static final int WORTH_WAITING = 8;
    /** Steps for which it waits for several, one after the other. */
    private static final int LONGEST_HELD = 4 * WORTH_WAITING;
    /** For which nothing is drawn, at most; then a step. */
    private static final Duration LONGEST_TURN = Duration.ofMillis(500);

    private static final Duration GRACE = Duration.ofSeconds(30);

    private final XOmni xomni;
    private final ServingLimits limits;
    private final @Nullable CheckpointException cannotDraw;
    private final @Nullable CheckpointException cannotSee;
    private final ServingCounts counts = new ServingCounts();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final List<Job<?>> waiting = new ArrayList<>();
    private final AtomicLong clients = new AtomicLong();
    private final ServingVision vision;
    private final Engine.@Nullable SteadyBlas steady;
    private final Thread thread;
    private long arrivals;
    /** Steps since pictures are gathered. Of the batch's thread. */
    private int held;
    private int open;
    private boolean closing;
    /** Whether the batch's thread has ended, so that nothing that waits would ever be begun. */
    private boolean over;
    private volatile boolean stopping;
    private final AtomicBoolean ended = new AtomicBoolean();

    private ServingEngine(XOmni xomni, ServingLimits limits) {
        this.xomni = xomni;
        this.limits = limits;
        this.cannotDraw = problem("draws no images", () -> Inspection.requirePixels(xomni.checkpoint()));
        this.cannotSee = problem("is shown no images", () -> Inspection.requireSight(xomni.checkpoint()));
        this.steady = limits.deterministic() ? new Engine.SteadyBlas() : null;
        this.vision = new ServingVision(xomni, limits, counts, this::ready);
        CompletableFuture<Void> loaded = new CompletableFuture<>();
        this.thread = Thread.ofPlatform().name("xomni-batch").start(() -> run(loaded));
        try {
            Void unused = loaded.join();
        } catch (CompletionException e) {
            closeVision();
            throw e.getCause() instanceof RuntimeException known ? known : e;
        }
    }

    /**
     * Loads the unified model and starts to serve; image tokenizer and decoder load when they are first needed, unless they have by {@link XOmni#preload}.
     *
     * @param xomni stays the caller's and is not to be closed before the engine
     * @throws XOmniException if it has an engine already
     * @throws CheckpointException if unified model, text tokenizer or chat template cannot be used. A checkpoint without decoder may still answer, and one without image
     *     tokenizer draw: that is logged, and tasks that need what is missing are refused
     */
    public static ServingEngine start(XOmni xomni, ServingLimits limits) {
        if (xomni.offloads()) {
            throw new InputException("a server keeps all parts of the model in memory; leave --offload out");
        }
        xomni.beginServing();
        try {
            return new ServingEngine(xomni, limits);
        } catch (RuntimeException | Error e) {
            xomni.endServing();
            throw e;
        }
    }

    private static @Nullable CheckpointException problem(String consequence, Runnable check) {
        try {
            check.run();
            return null;
        } catch (CheckpointException e) {
            LOG.warn("the model {}: {}", consequence, e.getMessage());
            return e;
        }
    }

    /** The model that is served. */
    public Checkpoint checkpoint() {
        return xomni.checkpoint();
    }

    public ServingLimits limits() {
        return limits;
    }

    /**
     * Takes on pictures of one client request; all of them or none.
     *
     * @param listener for each picture, by its index
     * @throws InputException if there are more than could ever wait, a size does not suit the checkpoint, or the checkpoint cannot draw, or not be shown what the conversation shows
     * @throws RefusedException if the queue is full or the engine closes
     */
    public List<Job<Task.Drawn>> draw(List<Task.Draw> pictures, IntFunction<Task.Listener> listener) {
        if (cannotDraw != null) {
            throw new InputException("this model draws no images, as its decoder is missing or does not fit; ask another model", cannotDraw);
        }
        if (pictures.size() > most()) {
            throw new InputException(pictures.size() + " images are more than the " + most() + " that are taken on at once; ask for fewer");
        }
        pictures.forEach(picture -> xomni.input().grid(picture.request()));
        List<Job<Task.Drawn>> jobs = new ArrayList<>();
        long client = clients.incrementAndGet();
        for (int i = 0; i < pictures.size(); i++) {
            jobs.add(job(pictures.get(i), Task.Drawn.class, listener.apply(i), client));
        }
        admit(jobs);
        return jobs;
    }

    /** Takes on one picture. */
    public Job<Task.Drawn> draw(Task.Draw picture, Task.Listener listener) {
        return draw(List.of(picture), unused -> listener).getFirst();
    }

    /**
     * Takes on an answer.
     *
     * @throws InputException if images are shown to a checkpoint that cannot see
     * @throws RefusedException if the queue is full or the engine closes
     */
    public Job<Task.Said> answer(Task.Answer question, Task.Listener listener) {
        Job<Task.Said> job = job(question, Task.Said.class, listener, clients.incrementAndGet());
        admit(List.of(job));
        return job;
    }

    private <R extends Task.Result> Job<R> job(Task task, Class<R> kind, Task.Listener listener, long client) {
        if (cannotSee != null && showsPictures(task)) {
            throw new InputException(
                    "this model is shown no images, as its image tokenizer is missing or does not fit; ask another model, or leave the images out", cannotSee);
        }
        long number;
        lock.lock();
        try {
            number = arrivals++;
        } finally {
            lock.unlock();
        }
        return new Job<>(task, kind, listener, client, number, System.nanoTime() + limits.timeout().toNanos(), this::wake);
    }

    /** Jobs that are begun or wait. */
    private int most() {
        return limits.maxQueue() + limits.maxBatch();
    }

    /** Whether it has pictures that are still to be encoded. */
    private static boolean showsPictures(Task task) {
        return task.conversation().stream().anyMatch(Turn::hasPictures);
    }

    private void admit(List<? extends Job<?>> jobs) {
        lock.lock();
        try {
            if (closing) {
                counts.refused.add(jobs.size());
                throw new RefusedException(RefusedException.Reason.CLOSING, "the server is shutting down; try again later", RETRY_AFTER);
            }
            if (open + jobs.size() > most()) {
                counts.refused.add(jobs.size());
                throw new RefusedException(RefusedException.Reason.QUEUE_FULL,
                        "the queue is full (" + limits.maxQueue() + " requests); try again later, or ask for fewer images", RETRY_AFTER);
            }
            open += jobs.size();
            for (Job<?> job : jobs) {
                job.whenDone(this::ended);
                if (showsPictures(job.task())) {
                    vision.encode(job);
                } else {
                    waiting.add(job);
                }
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void ended() {
        lock.lock();
        try {
            open--;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** A job whose pictures are encoded. */
    private void ready(Job<?> job) {
        lock.lock();
        try {
            waiting.add(job);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        refuseIfOver();
    }

    private void wake() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void run(CompletableFuture<Void> loaded) {
        ServingBatch batch;
        try {
            batch = new ServingBatch(xomni, limits, counts, vision);
        } catch (RuntimeException | Error e) {
            loaded.completeExceptionally(e);
            return;
        }
        loaded.complete(null);
        try (batch) {
            while (!stopping) {
                begin(batch);
                batch.step();
                paint(batch);
                waitForWork(batch);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            // Whatever ended it: nobody shall wait for what is not done any more.
            lock.lock();
            try {
                closing = true;
                over = true;
            } finally {
                lock.unlock();
            }
            refuseIfOver();
            vision.paint();
        }
    }

    /**
     * Pixels or tokens, in turns. Small pictures take a thread each, and beside one of them drawing is slower by more than that thread: what each works with displaces
     * what the other does. So pictures whose tokens are drawn are gathered until there are some for every thread, as long as the next is drawn within a few steps; and while
     * all threads make pixels nothing is drawn. Tasks that arrive meanwhile are drawn together. Answers, which are read as they come, do not wait, and nothing waits for long.
     */
    private void paint(ServingBatch batch) throws InterruptedException {
        held = vision.gathered() > 0 ? held + 1 : 0;
        if (vision.isFull() || held > LONGEST_HELD || !batch.endsOneWithin(WORTH_WAITING)) {
            vision.paint();
        }
        if (vision.needsAllThreads()) {
            leaveThreadsToVision(batch);
        }
    }

    private void leaveThreadsToVision(ServingBatch batch) throws InterruptedException {
        long end = System.nanoTime() + LONGEST_TURN.toNanos();
        lock.lock();
        try {
            long left = LONGEST_TURN.toNanos();
            while (left > 0 && !stopping && vision.isPainting() && !batch.isSpeaking() && waiting.stream().noneMatch(job -> job.task() instanceof Task.Answer)) {
                long unused = changed.awaitNanos(left);
                left = end - System.nanoTime();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Fills free places of the batch from the queue. */
    private void begin(ServingBatch batch) {
        while (true) {
            Job<?> next = take(batch::rowsOf, batch.free());
            if (next == null) {
                return;
            }
            batch.begin(next);
        }
    }

    /** The job whose turn it is, if there is room for it; those that ended while they waited are told so. */
    private @Nullable Job<?> take(ToIntFunction<Job<?>> rows, int room) {
        List<Job<?>> ended = new ArrayList<>();
        Job<?> next;
        lock.lock();
        try {
            waiting.removeIf(job -> (closing || job.reasonToEnd() != null) && ended.add(job));
            next = waiting.stream().min(Comparator.comparingInt(rows).thenComparingLong(Job::number)).orElse(null);
            if (next != null && (next.task().slots() > room || !waiting.remove(next))) {
                next = null;
            }
            counts.waiting = waiting.size();
        } finally {
            lock.unlock();
        }
        ended.forEach(job -> {
            RuntimeException reason = job.reasonToEnd();
            counts.end(job, reason != null ? reason : closed());
        });
        return next;
    }

    private void waitForWork(ServingBatch batch) throws InterruptedException {
        lock.lock();
        try {
            while (!stopping && batch.isEmpty() && waiting.isEmpty()) {
                boolean unused = changed.await(1, TimeUnit.SECONDS);
            }
        } finally {
            lock.unlock();
        }
    }

    private void refuseIfOver() {
        List<Job<?>> left;
        lock.lock();
        try {
            if (!over) {
                return;
            }
            left = List.copyOf(waiting);
            waiting.clear();
        } finally {
            lock.unlock();
        }
        left.forEach(job -> counts.end(job, closed()));
    }

    static RefusedException closed() {
        return new RefusedException(RefusedException.Reason.CLOSING, "the server is shutting down; try again later", RETRY_AFTER);
    }

    /** Where it stands. */
    public ServingStatus status() {
        lock.lock();
        try {
            counts.waiting = waiting.size();
        } finally {
            lock.unlock();
        }
        return counts.status();
    }

    /** Whether it takes on tasks. */
    public boolean accepts() {
        lock.lock();
        try {
            return !closing;
        } finally {
            lock.unlock();
        }
    }

    /** {@link #close(Duration)} with half a minute. */
    @Override
    public void close() {
        close(GRACE);
    }

    /**
     * Ends: what is begun is finished if that takes no longer than {@code grace}, all else refused. Returns when every job has ended and no thread uses the model any more,
     * also where the caller is interrupted: that ends the grace only, and the caller stays interrupted.
     *
     * @throws XOmniException on one of the engine's own threads, where listeners and {@link Job#whenDone} run: it would wait for itself
     */
    public void close(Duration grace) {
        if (Thread.currentThread() == thread || vision.isMine(Thread.currentThread())) {
            throw new XOmniException("an engine cannot wait for its own thread, where listeners and whenDone run; close it on another");
        }
        long deadline = System.nanoTime() + grace.toNanos();
        lock.lock();
        try {
            closing = true;
            changed.signalAll();
            while (open > 0 && System.nanoTime() - deadline < 0) {
                long unused = changed.awaitNanos(Math.min(TimeUnit.MILLISECONDS.toNanos(100), Math.max(1, deadline - System.nanoTime())));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            lock.unlock();
        }
        stopping = true;
        wake();
        Patience.await(thread::join);
        closeVision();
        if (!ended.getAndSet(true)) {
            xomni.endServing();
        }
    }

    private void closeVision() {
        vision.close();
        if (steady != null) {
            steady.close();
        }
    }
}
