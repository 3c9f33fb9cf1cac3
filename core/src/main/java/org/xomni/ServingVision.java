package org.xomni;

import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;

/** The second thread of a {@link ServingEngine}: it alone uses the image tokenizer and the decoder. */
final class ServingVision implements AutoCloseable {
    /** A preview is for a glance. */
    private static final int PREVIEW_STEPS = 4;

    private final XOmni xomni;
    private final ServingCounts counts;
    private final Consumer<Job<?>> ready;
    private final EncodedImages encoded;
    private final ThreadPoolExecutor thread = new ThreadPoolExecutor(
            1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Thread.ofPlatform().name("xomni-vision").factory());
    private volatile boolean stopping;

    /** @param ready takes jobs whose pictures are encoded */
    ServingVision(XOmni xomni, ServingCounts counts, Consumer<Job<?>> ready) {
        this.xomni = xomni;
        this.counts = counts;
        this.ready = ready;
        this.encoded = new EncodedImages(xomni);
    }

    /** Encodes the pictures of a job's conversation. */
    void encode(Job<?> job) {
        run(job, () -> {
            job.encoded(encoded.encode(job.conversation()));
            ready.accept(job);
        });
    }

    /** Makes the picture of a job whose tokens are drawn. */
    void decode(Job<?> job, DrawRequest request, ImageTokens tokens, String shown, int promptTokens) {
        counts.decoding.increment();
        job.whenDone(counts.decoding::decrement);
        run(job, () -> {
            Progress progress = progress(job, true);
            int drawn = tokens.height() * tokens.width();
            Pixels pixels = xomni.pixels().decode(new TokenDecoder.Picture(tokens, drawn, shown, request.seed(), request.decode()), progress);
            // Before whoever waits for the job can look.
            counts.images.increment();
            boolean unused = job.complete(new Task.Drawn(new Drawing(tokens, pixels, request.seed()), promptTokens));
        });
    }

    /** Shows what is drawn so far, unless there is more important work. */
    void preview(Job<?> job, DrawRequest request, int height, int width, int[] drawn, String shown, int index) {
        if (thread.getQueue().isEmpty() && thread.getActiveCount() == 0) {
            run(job, () -> {
                ImageTokens tokens = new ImageTokens(height, width, Arrays.copyOf(drawn, height * width));
                DecodeSettings asked = request.decode();
                int steps = asked.steps() != null ? asked.steps() : xomni.checkpoint().decoder().numInferenceSteps();
                DecodeSettings quick = new DecodeSettings(Math.min(PREVIEW_STEPS, steps), asked.guidance(), asked.tiled());
                var glance = new TokenDecoder.Picture(tokens, drawn.length, shown, request.seed(), quick);
                Pixels pixels = xomni.pixels().decode(glance, progress(job, false));
                job.listener().preview(pixels, tokens, index);
            });
        }
    }

    private Progress progress(Job<?> job, boolean heard) {
        return new Progress() {
            @Override
            public void report(Phase phase, int done, int total) {
                if (heard) {
                    job.listener().decoding(done, total);
                }
            }

            @Override
            public boolean cancelled() {
                return stopping || job.reasonToEnd() != null;
            }
        };
    }

    private void run(Job<?> job, Runnable work) {
        thread.execute(() -> {
            RuntimeException reason = stopping ? ServingEngine.closed() : job.reasonToEnd();
            if (reason != null) {
                counts.end(job, reason);
                return;
            }
            try {
                work.run();
            } catch (CancellationException e) {
                RuntimeException why = job.reasonToEnd();
                counts.end(job, why != null ? why : ServingEngine.closed());
            } catch (RuntimeException | Error e) {
                counts.end(job, e);
            }
        });
    }

    /** Gives up what is left. */
    @Override
    public void close() {
        stopping = true;
        thread.shutdown();
        try {
            while (!thread.awaitTermination(1, TimeUnit.MINUTES)) {}
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
