package org.xomni.rl;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.eval.Bootstrap;
import org.xomni.eval.Interval;
import org.xomni.rl.reward.Drawn;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.Lazy;
import org.xomni.tensor.NewFile;
import org.xomni.train.RecipeFile;
import org.xomni.train.Recipes;
import org.xomni.train.Training;

/**
 * The paper's two claims about reinforcement learning, measured on held-out prompts, with 95% bootstrap intervals over prompts. Of several runs that differ by
 * their seeds each prompt's mean is taken first.
 *
 * @param prompts how many
 * @param bestOf Fig. 2, flat lines: the expected best reward of n images of the supervised model, n = 1, 2, ...
 * @param steps Fig. 2, curve: the mean reward of one image over the steps of reinforcement learning, those that all runs have kept
 * @param gain of the last step over best-of-n for each n, paired by prompt
 * @param guidance Fig. 6: text accuracy over guidance scales, of those prompts that ask for text; empty if none does
 * @param runs the same of each run alone, by the name of its folder, where there are several; else empty
 */
public record RlClaims(
        int prompts,
        Map<Integer, Interval> bestOf,
        Map<Long, Interval> steps,
        Map<Integer, Interval> gain,
        List<Guided> guidance,
        Map<String, RlClaims> runs) {
    /** To be raised when a reward, or what it judges by, changes: rewards that were measured before are then measured anew. */
    private static final int JUDGES = 2;

    /**
     * What reinforcement learning has changed.
     *
     * @param before of the supervised model
     * @param after of the last step
     * @param difference after - before, paired
     */
    public record Change(Interval before, Interval after, Interval difference) {
        static Change of(double[] before, double[] after) {
            return new Change(Bootstrap.mean(before), Bootstrap.mean(after), Bootstrap.difference(after, before));
        }
    }

    /**
     * Text at a guidance scale.
     *
     * @param accuracy 1 - normalised edit distance
     * @param exact the share of pictures that have the whole text, case aside, and no other
     */
    public record Guided(double scale, Change accuracy, Change exact) {
        static Guided of(double scale, Texts before, Texts after) {
            return new Guided(scale, Change.of(before.accuracies, after.accuracies), Change.of(before.exact, after.exact));
        }
    }

    /**
     * How text came out, prompt by prompt.
     *
     * @param exact whether it is right as a whole, 1 or 0; of several runs the share of these
     */
    @SuppressWarnings("ArrayRecordComponent") // read only
    record Texts(double[] accuracies, double[] exact) {
        static Texts of(double[] accuracies) {
            return new Texts(accuracies, Arrays.stream(accuracies).map(a -> a == 1 ? 1 : 0).toArray());
        }

        /** Each prompt's mean over runs. */
        static Texts mean(List<Texts> runs) {
            return new Texts(average(runs.stream().map(Texts::accuracies).toList()), average(runs.stream().map(Texts::exact).toList()));
        }
    }

    private static double[] average(List<double[]> values) {
        return IntStream.range(0, values.getFirst().length)
                .mapToDouble(i -> values.stream().mapToDouble(v -> v[i]).average().orElseThrow())
                .toArray();
    }

    /**
     * What is measured.
     *
     * @param prompts the first of the recipe's held-out ones
     * @param bestOf the most images of the supervised model for each prompt
     * @param samples images of each later model for each prompt
     * @param guidance scales, 1 is without
     */
    public record Settings(int prompts, int bestOf, int samples, List<Double> guidance) {
        public Settings {
            guidance = List.copyOf(guidance);
            if (prompts < 1 || bestOf < 1 || samples < 1) {
                throw new InputException("prompts " + prompts + ", best-of " + bestOf + " and samples " + samples + " must be at least 1");
            }
        }
    }

    /**
     * Measures runs of a recipe.
     *
     * @param recipe of the runs, where it was read, since its paths are relative to it
     * @param heldOut a file with what recipes have below {@code held-out}, to take the place of the recipe's own; or null
     * @param runs their folders, each with {@code model/} and, where the recipe keeps them, {@code models/step-*}, or what is left of them ({@link RunWeights}); several differ by their seeds
     * @param kept a folder for what is measured on the way, from which an interrupted evaluation goes on, and for what is left of runs
     * @param device where the models are
     * @param progress hears a line for each model
     * @throws InputException if a run has no model yet or is named twice, or the recipe has no held-out prompts
     */
    public static RlClaims measure(
            Path recipe, @Nullable Path heldOut, List<Path> runs, Settings settings, Path kept, String device, Consumer<String> progress) {
        GrpoRecipe own = RecipeFile.read(recipe, GrpoRecipe.class).recipe();
        GrpoRecipe r = heldOut == null ? own : own.with(RecipeFile.read(heldOut, GrpoRecipe.Evaluation.class).recipe());
        if (Set.copyOf(runs).size() < runs.size()) {
            throw new InputException("a run is named twice among " + runs + "; name each once");
        }
        List<RunWeights> weights = runs.stream().map(run -> RunWeights.of(run, r.loop().steps())).toList();
        List<Long> ends = weights.stream().map(of -> of.steps().lastKey()).toList();
        if (Set.copyOf(ends).size() > 1) {
            throw new InputException("the runs " + runs + " end at different steps, " + ends + ", so that they have no mean; train them equally long, or measure each alone");
        }
        try (GrpoParts parts = GrpoParts.toEvaluate(recipe, r, settings.prompts(), device)) {
            Passes set = new Passes(parts.requireHeldOut(), new Measurements(kept, evaluated(parts.requireHeldOut(), recipe, r, device)));
            Model supervised = new Model(() -> parts.policy().reference(), Measurements.fingerprint(GrpoParts.start(recipe, r)));
            double[][] before = set.rewards(supervised, settings.bestOf());
            progress.accept(settings.bestOf() + " images a prompt of the supervised model");
            Map<Double, Texts> texts = set.texts(supervised, settings.guidance());
            Map<String, Outcome> outcomes = new LinkedHashMap<>();
            boolean named = weights.stream().map(RunWeights::name).distinct().count() == weights.size();
            for (int i = 0; i < runs.size(); i++) {
                outcomes.put(named ? weights.get(i).name() : runs.get(i).toString(), outcome(weights.get(i), parts.policy().reference(), set, settings, progress));
            }
            if (named) {
                weights.forEach(run -> run.write(kept));
            }
            RlClaims all = of(before, texts, Outcome.mean(List.copyOf(outcomes.values())));
            if (runs.size() == 1) {
                return all;
            }
            Map<String, RlClaims> alone = new LinkedHashMap<>();
            outcomes.forEach((name, outcome) -> alone.put(name, of(before, texts, outcome)));
            return new RlClaims(all.prompts, all.bestOf, all.steps, all.gain, all.guidance, alone);
        }
    }

    /**
     * What came of a run, prompt by prompt.
     *
     * @param rewards of one image, by step
     * @param texts after the last step, by guidance scale
     */
    private record Outcome(SortedMap<Long, double[]> rewards, Map<Double, Texts> texts) {
        /** Each prompt's mean over runs, of those steps that all have. */
        static Outcome mean(List<Outcome> runs) {
            SortedMap<Long, double[]> rewards = new TreeMap<>(runs.getFirst().rewards);
            runs.forEach(run -> rewards.keySet().retainAll(run.rewards.keySet()));
            rewards.replaceAll((step, first) -> average(runs.stream().map(run -> requireNonNull(run.rewards.get(step))).toList()));
            Map<Double, Texts> texts = new LinkedHashMap<>();
            runs.getFirst().texts.keySet().forEach(
                    scale -> texts.put(scale, Texts.mean(runs.stream().map(run -> requireNonNull(run.texts.get(scale))).toList())));
            return new Outcome(rewards, texts);
        }
    }

    private static Outcome outcome(RunWeights run, UnifiedModel like, Passes set, Settings settings, Consumer<String> progress) {
        SortedMap<Long, double[]> rewards = new TreeMap<>();
        Map<Double, Texts> texts = new LinkedHashMap<>();
        run.steps().forEach((step, weights) -> {
            try (Lazy<UnifiedModel> loaded = new Lazy<>(() -> weights.load(like))) {
                Model later = new Model(loaded::get, weights.fingerprint());
                rewards.put(step, Arrays.stream(set.rewards(later, settings.samples()))
                        .mapToDouble(samples -> Arrays.stream(samples).average().orElseThrow())
                        .toArray());
                progress.accept("step " + step + ": reward " + Bootstrap.mean(rewards.get(step)));
                if (step.equals(run.steps().lastKey())) {
                    texts.putAll(set.texts(later, settings.guidance()));
                }
            }
        });
        return new Outcome(rewards, texts);
    }

    /**
     * @param before rewards of the supervised model, prompts x samples
     * @param texts that it writes, by guidance scale
     */
    private static RlClaims of(double[][] before, Map<Double, Texts> texts, Outcome after) {
        Map<Integer, Interval> bestOf = new TreeMap<>();
        Map<Integer, Interval> gain = new TreeMap<>();
        double[] end = after.rewards.lastEntry().getValue();
        for (int n = 1; n <= before[0].length; n++) {
            int of = n;
            double[] best = Arrays.stream(before).mapToDouble(samples -> expectedBest(samples, of)).toArray();
            bestOf.put(n, Bootstrap.mean(best));
            gain.put(n, Bootstrap.difference(end, best));
        }
        Map<Long, Interval> steps = new TreeMap<>();
        steps.put(0L, requireNonNull(bestOf.get(1)));
        after.rewards.forEach((step, rewards) -> steps.put(step, Bootstrap.mean(rewards)));
        List<Guided> guidance = new ArrayList<>();
        texts.forEach((scale, text) -> guidance.add(Guided.of(scale, text, requireNonNull(after.texts.get(scale)))));
        return new RlClaims(before.length, bestOf, steps, gain, guidance, Map.of());
    }

    /** What held-out numbers depend on beside the unified model's weights; the loop may change, and how often it looks at how many prompts. */
    private static String evaluated(HeldOut heldOut, Path recipe, GrpoRecipe r, String device) {
        Path checkpoint = Training.beside(recipe, r.checkpoint());
        String all = String.join("\n", heldOut.prompts().toString(), r.rewards().toString(), named(r.decoder()), r.precision().toString(), Long.toString(r.seed()),
                Measurements.fingerprintOfParts(checkpoint));
        // What was measured on the CPU has names without a device.
        return device.equals("cpu") ? all : all + "\n" + device;
    }

    /** What was measured in fp32, which was all there was at first, has names without a precision. */
    private static String named(FixedDecoder.Settings s) {
        return "Settings[steps=" + s.steps() + ", guidance=" + s.guidance() + "]" + (s.precision() == Recipes.Precision.FLOAT32 ? "" : s.precision());
    }

    /** A model and what tells its weights from others. */
    private record Model(Supplier<UnifiedModel> model, String fingerprint) {}

    /**
     * The held-out prompts, and what has been measured on them.
     *
     * @param unguided the first picture of each prompt without guidance, which both figures look at, by the fingerprint of the model that was last
     */
    private record Passes(HeldOut prompts, Measurements measurements, Map<String, List<Drawn>> unguided) {
        Passes(HeldOut prompts, Measurements measurements) {
            this(prompts, measurements, new HashMap<>());
        }

        /** Rewards, prompts x samples. */
        double[][] rewards(Model model, int samples) {
            double[][] rewards = new double[prompts.prompts().size()][samples];
            for (int sample = 0; sample < samples; sample++) {
                int at = sample;
                double[] total = measurements.of(
                        model.fingerprint(), "reward " + sample + ", judges " + JUDGES, () -> prompts.rewards(drawn(model, RolloutSampler.UNFILTERED, at)));
                for (int i = 0; i < total.length; i++) {
                    rewards[i][sample] = total[i];
                }
            }
            return rewards;
        }

        /** By guidance scale, of the prompts that ask for text; empty if none does. */
        Map<Double, Texts> texts(Model model, List<Double> scales) {
            int[] withText = IntStream.range(0, prompts.prompts().size()).filter(i -> prompts.prompts().get(i).written().isPresent()).toArray();
            Map<Double, Texts> texts = new LinkedHashMap<>();
            for (double scale : withText.length == 0 ? List.<Double>of() : scales) {
                texts.put(scale, Texts.of(measurements.of(model.fingerprint(), "text accuracy, guidance " + scale + ", judges " + JUDGES, () -> {
                    List<Drawn> drawn = drawn(model, new Sampling(scale, 1, 0, 1, 0), 0);
                    return Arrays.stream(withText).mapToDouble(i -> prompts.textAccuracy(drawn.get(i))).toArray();
                })));
            }
            return texts;
        }

        private List<Drawn> drawn(Model model, Sampling sampling, int sample) {
            if (sample > 0 || sampling.guided()) {
                return prompts.drawn(model.model().get(), sampling, sample);
            }
            unguided.keySet().retainAll(Set.of(model.fingerprint()));
            return unguided.computeIfAbsent(model.fingerprint(), unused -> prompts.drawn(model.model().get(), sampling, sample));
        }
    }

    /**
     * The expected largest of n of the samples, drawn without replacement: each sample is the largest as often as the others are chosen below it, so nothing
     * depends on the order in which they were drawn.
     */
    static double expectedBest(double[] samples, int n) {
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        int m = sorted.length;
        // The share of subsets of size n whose largest is the i-th smallest: C(i, n - 1) / C(m, n), from the largest down.
        double share = (double) n / m;
        double expected = 0;
        for (int i = m - 1; i >= n - 1; i--) {
            expected += share * sorted[i];
            share *= i == 0 ? 0 : (double) (i - n + 1) / i;
        }
        return expected;
    }

    private Map<String, Object> numbers() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("prompts", prompts);
        Map<String, Object> rewards = new LinkedHashMap<>();
        rewards.put("best_of_n", bestOf);
        rewards.put("steps", steps);
        rewards.put("last_step_minus_best_of_n", gain);
        all.put("figure_2", rewards);
        all.put("figure_6", guidance);
        if (!runs.isEmpty()) {
            Map<String, Object> alone = new LinkedHashMap<>();
            runs.forEach((name, run) -> alone.put(name, run.numbers()));
            all.put("runs", alone);
        }
        return all;
    }

    /** One JSON object, indented. */
    public String json() {
        return Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(numbers());
    }

    /** Writes {@code claims.json}, then both figures as PNG. */
    public void write(Path folder) {
        NewFile.write(folder.resolve("claims.json"), json() + "\n");
        ClaimCharts.write(this, folder);
    }
}
