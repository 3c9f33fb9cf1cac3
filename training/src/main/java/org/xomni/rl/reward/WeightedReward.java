package org.xomni.rl.reward;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.XOmniException;

/**
 * A reward's part in the sum.
 *
 * @param name in metrics: {@code reward_NAME}
 * @param weight of its scaled scores
 * @param timeout of one attempt at all pictures of a step together, or null to wait for ever
 */
public record WeightedReward(String name, Reward reward, double weight, Scale scale, @Nullable Duration timeout, OnFailure onFailure) {
    private static final Logger LOG = LoggerFactory.getLogger(WeightedReward.class);
    /** After so long one is told why nothing goes on. */
    private static final Duration QUIET = Duration.ofSeconds(30);

    /**
     * Scores pictures by the policy for failures.
     *
     * @throws RewardFailed if that does not help
     */
    double[] score(List<Drawn> drawn) {
        int attempts = onFailure instanceof OnFailure.Retry(int most) ? most : 1;
        for (int attempt = 1; ; attempt++) {
            try {
                return checked(drawn, inTime(drawn));
            } catch (RuntimeException e) {
                if (attempt == attempts) {
                    String tried = attempts > 1 ? " after " + attempts + " attempts" : "";
                    String why = e instanceof XOmniException ? e.getMessage() : e.toString();
                    throw new RewardFailed("reward " + name + " failed" + tried + ": " + why, onFailure instanceof OnFailure.SkipStep, e);
                }
            }
        }
    }

    private double[] checked(List<Drawn> drawn, double[] scores) {
        if (scores.length != drawn.size()) {
            throw new XOmniException(scores.length + " scores came for " + drawn.size() + " pictures; mend the reward, then go on with --resume");
        }
        for (int i = 0; i < scores.length; i++) {
            if (!Double.isFinite(scores[i])) {
                throw new XOmniException("the score of picture " + (i + 1) + " of " + scores.length + ", for the prompt '" + drawn.get(i).prompt().text()
                        + "', is " + scores[i] + "; mend the reward, then go on with --resume");
            }
        }
        return scores;
    }

    private double[] inTime(List<Drawn> drawn) {
        Duration limit = timeout;
        if (limit == null) {
            return reward.score(drawn);
        }
        FutureTask<double[]> task = new FutureTask<>(() -> reward.score(drawn));
        Thread thread = Thread.ofPlatform().daemon().name("reward-" + name).start(task);
        try {
            return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            stop(task, thread);
            throw new XOmniException("it took longer than " + limit.toMillis() / 1e3 + " s for " + drawn.size()
                    + " pictures; raise its timeout or make it faster, then go on with --resume", e);
        } catch (InterruptedException e) {
            stop(task, thread);
            Thread.currentThread().interrupt();
            throw new XOmniException("it was interrupted; go on with --resume", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException known) {
                throw known;
            }
            throw new IllegalStateException("reward " + name + " failed", e.getCause());
        }
    }

    /** Tells a thread to stop. What this machine computes may use the models, which are trained or freed next, so it is waited for, however long it takes. */
    private void stop(FutureTask<double[]> task, Thread thread) {
        boolean unused = task.cancel(true);
        boolean interrupted = false;
        while (!reward.isRemote() && thread.isAlive()) {
            try {
                if (!thread.join(QUIET)) {
                    LOG.warn("reward {} was told to stop and still works; waiting for it, as it may use the models", name);
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
