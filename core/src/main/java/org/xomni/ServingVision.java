package org.xomni;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.Engine;

/**
 * What a {@link ServingEngine} has beside its thread for the unified model: threads that use the image tokenizer and the decoder. Small pictures are made by one
 * thread each, several at the same time; all other work is alone.
 */
final class ServingVision implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServingVision.class);

    /** A preview is for a glance. */
    private static final int PREVIEW_STEPS = 4;
    /** Small pictures for each thread that are worth not drawing meanwhile, if the batch is large enough that so many others can be drawn. */
    private static final int TOGETHER = 3;

    private final XOmni xomni;
    private final ServingCounts counts;
    private final Consumer<Job<?>> ready;
    private final EncodedImages encoded;
    private final int count = Engine.threads();
    private final Set<Thread> mine = ConcurrentHashMap.newKeySet();
    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
            count, count, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), this::thread);
    /** Read by those that make small pictures, written by those that want to be alone. */
    private final ReadWriteLock company = new ReentrantReadWriteLock(true);
    /** Small pictures that are not finished. */
    private final AtomicInteger small = new AtomicInteger();
    /** Those of them that wait to be begun with others: {@link #paint}. */
    private final AtomicInteger gathered = new AtomicInteger();
    /** Whatever is not done yet: {@link #isBusy}. */
    private final AtomicInteger pending = new AtomicInteger();
    private final boolean deterministic;
    private final int full;
    /** Pictures whose tokens are drawn; there is a run of {@link #decodeNext} to come for each. */
    private final Deque<Drawn> drawn = new ConcurrentLinkedDeque<>();
    /** The last preview; its picture shall not be there before it. */
    private volatile CompletableFuture<Void> glance = CompletableFuture.allOf();
    private volatile boolean stopping;

    /** What is left to do for a picture whose tokens are drawn. */
    private record Drawn(Job<?> job, DrawRequest request, TokenDecoder.Picture picture, int promptTokens) {}

    /**
     * @param limits say whether each picture is decoded alone, as kernels round differently in company
     * @param ready takes jobs whose pictures are encoded
     */
    ServingVision(XOmni xomni, ServingLimits limits, ServingCounts counts, Consumer<Job<?>> ready) {
        this.xomni = xomni;
        this.counts = counts;
        this.ready = ready;
        this.deterministic = limits.deterministic();
        this.full = Math.min(TOGETHER * count, Math.max(count, limits.maxBatch() / 2));
        this.encoded = new EncodedImages(xomni);
    }

    private Thread thread(Runnable work) {
        Thread thread = Thread.ofPlatform().name("xomni-vision").unstarted(work);
        mine.add(thread);
        return thread;
    }

    boolean isMine(Thread thread) {
        return mine.contains(thread);
    }

    /** Encodes the pictures of a job's conversation. */
    void encode(Job<?> job) {
        var unused = run(job, () -> {
            job.encoded(encoded.encode(job.conversation()));
            ready.accept(job);
        });
    }

    /**
     * Makes the picture of a job whose tokens are drawn; alike ones that wait at the same time side by side. Small ones wait for {@link #paint} where the batch needs the
     * same cores.
     */
    void decode(Job<?> job, DrawRequest request, ImageTokens tokens, String shown, int promptTokens) {
        counts.decoding.increment();
        job.whenDone(counts.decoding::decrement);
        var picture = new TokenDecoder.Picture(tokens, tokens.height() * tokens.width(), shown, request.seed(), request.decode());
        drawn.add(new Drawn(job, request, picture, promptTokens));
        if (xomni.onCpu() && xomni.pixels().isSmall(List.of(picture))) {
            small.incrementAndGet();
            job.whenDone(small::decrementAndGet);
            gathered.incrementAndGet();
        } else {
            var unused = run(this::decodeNext);
        }
    }

    /** Begins the small pictures that wait. */
    void paint() {
        for (int left = gathered.getAndSet(0); left > 0; left--) {
            var unused = run(this::decodeNext);
        }
    }

    /** Small pictures that wait to be begun. */
    int gathered() {
        return gathered.get();
    }

    /** Whether so many wait that all threads would be busy for a while, also when some take longer than others. */
    boolean isFull() {
        return gathered.get() >= full;
    }

    /** Whether small pictures are made. */
    boolean isPainting() {
        return small.get() > gathered.get();
    }

    /** Whether all threads make some. */
    boolean needsAllThreads() {
        return small.get() - gathered.get() >= count;
    }

    /** Whether it works, or has work to do. */
    boolean isBusy() {
        return pending.get() > 0;
    }

    private CompletableFuture<Void> run(Runnable work) {
        pending.incrementAndGet();
        return CompletableFuture.runAsync(work, threads).whenComplete((done, failure) -> pending.decrementAndGet());
    }

    private void decodeNext() {
        List<Drawn> some = take();
        try {
            // A preview begins only when nothing else is to be done, so it came first: it is being made, or done.
            Void unused = glance.join();
            if (!some.isEmpty()) {
                List<TokenDecoder.Picture> pictures = some.stream().map(Drawn::picture).toList();
                Lock lock = xomni.pixels().isSmall(pictures) ? company.readLock() : company.writeLock();
                List<Pixels> pixels = holding(lock, () -> xomni.pixels().decode(pictures, progress(some)));
                for (int i = 0; i < some.size(); i++) {
                    finish(some.get(i), pixels.get(i));
                }
            }
        } catch (RuntimeException | Error e) {
            for (Drawn d : some) {
                end(d.job, e);
            }
        }
    }

    private static <T> T holding(Lock lock, Supplier<T> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /** The picture that has waited longest, and those that go with it. */
    private synchronized List<Drawn> take() {
        List<Drawn> some = new ArrayList<>();
        // So that all threads have work.
        int share = Math.ceilDiv(drawn.size(), count);
        for (Iterator<Drawn> all = drawn.iterator(); all.hasNext(); ) {
            Drawn next = all.next();
            RuntimeException reason = stopping ? ServingEngine.closed() : next.job.reasonToEnd();
            if (reason != null) {
                all.remove();
                counts.end(next.job, reason);
            } else if (some.isEmpty() || some.size() < Math.min(share, together(next)) && next.picture.goesWith(some.getFirst().picture)) {
                all.remove();
                some.add(next);
            }
        }
        return some;
    }

    private int together(Drawn picture) {
        return deterministic ? 1 : DiffusionDecoder.sideBySide(picture.picture.tokens().height(), picture.picture.tokens().width());
    }

    private void finish(Drawn d, Pixels pixels) {
        RuntimeException reason = d.job.reasonToEnd();
        if (reason != null) {
            counts.end(d.job, reason);
            return;
        }
        // Before whoever waits for the job can look.
        counts.images.increment();
        boolean unused = d.job.complete(new Task.Drawn(new Drawing(d.picture.tokens(), pixels, d.request.seed()), d.promptTokens));
    }

    private Progress progress(List<Drawn> some) {
        return new Progress() {
            @Override
            public void report(Phase phase, int done, int total) {
                some.forEach(d -> d.job.tell(listener -> listener.decoding(done, total)));
            }

            @Override
            public boolean cancelled() {
                return stopping || some.stream().allMatch(d -> d.job.reasonToEnd() != null);
            }
        };
    }

    /** Shows what is drawn so far, unless there is more important work. */
    void preview(Job<?> job, DrawRequest request, int height, int width, int[] drawn, String shown, int index) {
        if (!isBusy()) {
            glance = run(job, () -> {
                ImageTokens tokens = new ImageTokens(height, width, Arrays.copyOf(drawn, height * width));
                DecodeSettings asked = request.decode();
                int steps = asked.steps() != null ? asked.steps() : xomni.checkpoint().decoder().numInferenceSteps();
                DecodeSettings quick = new DecodeSettings(Math.min(PREVIEW_STEPS, steps), asked.guidance(), asked.tiled());
                var unfinished = new TokenDecoder.Picture(tokens, drawn.length, shown, request.seed(), quick);
                try {
                    job.listener().preview(xomni.pixels().decode(unfinished, until(job)), tokens, index);
                } catch (RuntimeException e) {
                    // Nobody asked for it as such: its picture goes on.
                    LOG.warn("a preview failed: {}", e.toString());
                }
            });
        }
    }

    private Progress until(Job<?> job) {
        return new Progress() {
            @Override
            public void report(Phase phase, int done, int total) {}

            @Override
            public boolean cancelled() {
                return stopping || job.reasonToEnd() != null;
            }
        };
    }

    private CompletableFuture<Void> run(Job<?> job, Runnable work) {
        return run(() -> {
            RuntimeException reason = stopping ? ServingEngine.closed() : job.reasonToEnd();
            if (reason != null) {
                counts.end(job, reason);
                return;
            }
            try {
                holding(company.writeLock(), () -> {
                    work.run();
                    return job;
                });
            } catch (RuntimeException | Error e) {
                end(job, e);
            }
        });
    }

    /** Ends a job whose work has thrown. */
    private void end(Job<?> job, Throwable thrown) {
        RuntimeException why = job.reasonToEnd();
        counts.end(job, !(thrown instanceof CancellationException) ? thrown : why != null ? why : ServingEngine.closed());
    }

    /** Gives up what is left and returns when no thread works any more, also where the caller is interrupted. */
    @Override
    public void close() {
        stopping = true;
        threads.shutdown();
        Patience.await(() -> {
            while (!threads.awaitTermination(1, TimeUnit.MINUTES)) {}
        });
        drawn.forEach(left -> counts.end(left.job, ServingEngine.closed()));
    }
}
