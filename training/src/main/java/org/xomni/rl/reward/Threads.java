package org.xomni.rl.reward;

import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToDoubleFunction;
import org.xomni.tensor.XOmniException;

/**
 * Threads that judge pictures, each one at a time. They live as long as a call, so that nothing works on when it has ended.
 *
 * @param name of the reward, which its threads bear
 */
record Threads(String name, int count) {

    /**
     * The score of each picture. When one cannot be judged, or the caller is interrupted, those that are begun are interrupted and waited for, and the others
     * are given up.
     */
    double[] score(List<Drawn> drawn, ToDoubleFunction<Drawn> score) {
        ExecutorService threads = Executors.newFixedThreadPool(count, Thread.ofPlatform().daemon().name(name + "-", 0).factory());
        try {
            List<Future<Double>> scores = drawn.stream().map(d -> threads.submit(() -> score.applyAsDouble(d))).toList();
            return scores.stream().mapToDouble(Threads::get).toArray();
        } finally {
            List<Runnable> unused = threads.shutdownNow();
            threads.close();
        }
    }

    private static double get(Future<Double> score) {
        try {
            return score.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new XOmniException("judging was interrupted; go on with --resume", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException known) {
                throw known;
            }
            throw new IllegalStateException("a picture could not be judged", e.getCause());
        }
    }
}
