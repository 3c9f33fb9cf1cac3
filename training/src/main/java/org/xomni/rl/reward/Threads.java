package org.xomni.rl.reward;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToDoubleFunction;
import org.xomni.tensor.XOmniException;

/** Threads that judge pictures, each one at a time. */
final class Threads implements AutoCloseable {
    private final ExecutorService threads;

    /** @param name of the reward, which its threads bear */
    Threads(String name, int count) {
        this.threads = Executors.newFixedThreadPool(count, Thread.ofPlatform().daemon().name(name + "-", 0).factory());
    }

    /** The score of each picture. */
    double[] score(List<Drawn> drawn, ToDoubleFunction<Drawn> score) {
        List<Future<Double>> scores = drawn.stream().map(d -> threads.submit(() -> score.applyAsDouble(d))).toList();
        return scores.stream().mapToDouble(Threads::get).toArray();
    }

    private static double get(Future<Double> score) {
        try {
            return score.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new XOmniException("judging was interrupted; go on with --resume", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof XOmniException known) {
                throw known;
            }
            throw new IllegalStateException("a picture could not be judged", e.getCause());
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
