package org.xomni.rl.reward;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/**
 * The reward of a picture (paper section 4.3): a weighted sum of scaled scores. Rewards that do not judge a prompt add nothing to any picture of it.
 *
 * @param rewards at least one, of different names
 */
public record Rewards(List<WeightedReward> rewards) implements AutoCloseable {
    public Rewards {
        rewards = List.copyOf(rewards);
        if (rewards.isEmpty() || rewards.stream().map(WeightedReward::name).distinct().count() < rewards.size()) {
            throw new InputException("rewards are " + rewards.stream().map(WeightedReward::name).toList()
                    + ", expected at least one, and different names; name two of a kind with 'name'");
        }
    }

    /**
     * Scores of pictures.
     *
     * @param total the weighted sum for each, which is learned from
     * @param absolute the same as far as pictures of different groups can be compared by it: scores are not scaled within groups
     * @param parts by name the score for each before scaling; NaN where that reward does not judge the prompt
     */
    @SuppressWarnings("ArrayRecordComponent") // read only
    public record Scores(double[] total, double[] absolute, Map<String, double[]> parts) {

        /** The mean of a part over the pictures that it judges; NaN if there are none. */
        public double mean(String part) {
            return judged(part).average().orElse(Double.NaN);
        }

        /** The standard deviation of a part over the pictures that it judges; NaN if there are none. */
        public double deviation(String part) {
            double mean = mean(part);
            return Math.sqrt(judged(part).map(s -> (s - mean) * (s - mean)).average().orElse(Double.NaN));
        }

        /** The mean over groups of the standard deviation of {@link #absolute} within. */
        public double deviationInGroups(int groupSize) {
            return IntStream.iterate(0, from -> from < absolute.length, from -> from + groupSize)
                    .mapToDouble(from -> deviation(Arrays.copyOfRange(absolute, from, from + groupSize)))
                    .average()
                    .orElse(0);
        }

        private static double deviation(double[] group) {
            double mean = Arrays.stream(group).average().orElse(0);
            return Math.sqrt(Arrays.stream(group).map(r -> (r - mean) * (r - mean)).average().orElse(0));
        }

        private DoubleStream judged(String part) {
            return Arrays.stream(parts.getOrDefault(part, new double[0])).filter(Double::isFinite);
        }
    }

    /**
     * Scores pictures, those that are the same once. Servers are asked first, and work while this machine does.
     *
     * @param drawn groups one after the other
     * @param groupSize pictures of each prompt
     * @throws RewardFailed if a reward fails
     */
    public Scores score(List<Drawn> drawn, int groupSize) {
        double[] total = new double[drawn.size()];
        double[] absolute = new double[drawn.size()];
        Map<String, double[]> scored = raw(drawn);
        Map<String, double[]> parts = new LinkedHashMap<>();
        for (WeightedReward part : rewards) {
            double[] raw = requireNonNull(scored.get(part.name()));
            parts.put(part.name(), raw);
            for (int from = 0; from < total.length; from += groupSize) {
                // All pictures of a group are for one prompt: judged are all or none.
                if (Double.isFinite(raw[from])) {
                    double[] group = Arrays.copyOfRange(raw, from, from + groupSize);
                    double[] scaled = part.scale().of(group);
                    double[] comparable = part.scale() instanceof Scale.Group ? group : scaled;
                    for (int i = 0; i < groupSize; i++) {
                        total[from + i] += part.weight() * scaled[i];
                        absolute[from + i] += part.weight() * comparable[i];
                    }
                }
            }
        }
        return new Scores(total, absolute, parts);
    }

    /**
     * Makes sure that each reward has something to say: one that judges no prompt would count for nothing, and nobody would notice.
     *
     * @param prompts some of those that are trained on
     * @throws InputException naming a reward that judges none of them
     */
    public void requireJudges(List<Prompt> prompts) {
        for (WeightedReward part : rewards) {
            if (prompts.stream().noneMatch(part.reward()::judges)) {
                throw new InputException("the reward '" + part.name() + "' judges none of the first " + prompts.size()
                        + " prompts, as they do not say what it needs (text to be written, a scene of signs); say so in the prompts, or leave it out");
            }
        }
    }

    /** The scores of each part, as they come. */
    private Map<String, double[]> raw(List<Drawn> drawn) {
        Map<String, double[]> scored = new HashMap<>();
        ExecutorService servers = Executors.newVirtualThreadPerTaskExecutor();
        try {
            CompletionService<Map.Entry<String, double[]>> answers = new ExecutorCompletionService<>(servers);
            List<WeightedReward> remote = rewards.stream().filter(part -> part.reward().isRemote()).toList();
            for (WeightedReward part : remote) {
                Future<?> unused = answers.submit(() -> Map.entry(part.name(), raw(part, drawn)));
            }
            rewards.stream().filter(part -> !part.reward().isRemote()).forEach(part -> scored.put(part.name(), raw(part, drawn)));
            while (scored.size() < rewards.size()) {
                Map.Entry<String, double[]> answer = answers.take().get();
                scored.put(answer.getKey(), answer.getValue());
            }
            return scored;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException known) {
                throw known;
            }
            throw new IllegalStateException("a reward failed", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new XOmniException("rewards were interrupted; go on with --resume", e);
        } finally {
            // When one has failed, others are not waited for.
            List<Runnable> unused = servers.shutdownNow();
        }
    }

    private static double[] raw(WeightedReward part, List<Drawn> drawn) {
        int[] judged = IntStream.range(0, drawn.size()).filter(i -> part.reward().judges(drawn.get(i).prompt())).toArray();
        double[] raw = new double[drawn.size()];
        Arrays.fill(raw, Double.NaN);
        if (judged.length > 0) {
            Distinct<Drawn> pictures = Distinct.of(Arrays.stream(judged).mapToObj(drawn::get).toList());
            double[] scores = pictures.spread(part.score(pictures.items()));
            for (int i = 0; i < judged.length; i++) {
                raw[judged[i]] = scores[i];
            }
        }
        return raw;
    }

    @Override
    public void close() {
        rewards.forEach(r -> r.reward().close());
    }
}
