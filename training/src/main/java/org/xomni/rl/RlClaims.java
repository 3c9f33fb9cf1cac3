package org.xomni.rl;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.eval.Bootstrap;
import org.xomni.eval.Interval;
import org.xomni.rl.reward.Drawn;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import org.xomni.train.RecipeFile;
import org.xomni.train.Snapshots;
import org.xomni.train.Training;

/**
 * The paper's two claims about reinforcement learning, measured on held-out prompts, with 95% bootstrap intervals over prompts.
 *
 * @param prompts how many
 * @param bestOf Fig. 2, flat lines: the expected best reward of n images of the supervised model, n = 1, 2, ...
 * @param steps Fig. 2, curve: the mean reward of one image over the steps of reinforcement learning
 * @param gain of the last step over best-of-n for each n, paired by prompt
 * @param guidance Fig. 6: text accuracy over guidance scales, of those prompts that ask for text; empty if none does
 */
public record RlClaims(
        int prompts, Map<Integer, Interval> bestOf, Map<Long, Interval> steps, Map<Integer, Interval> gain, List<Guided> guidance) {
    private static final Pattern STEP = Pattern.compile("step-(\\d{9})");

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
        static Guided of(double scale, double[] before, double[] after) {
            return new Guided(scale, Change.of(before, after), Change.of(exact(before), exact(after)));
        }

        private static double[] exact(double[] accuracies) {
            return Arrays.stream(accuracies).map(a -> a == 1 ? 1 : 0).toArray();
        }
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
     * Measures a run.
     *
     * @param recipe of the run, where it was read, since its paths are relative to it
     * @param heldOut a file with what recipes have below {@code held-out}, to take the place of the recipe's own; or null
     * @param run its folder: {@code model/} and, where the recipe keeps them, {@code models/step-*}
     * @param kept a folder for what is measured on the way, from which an interrupted evaluation goes on
     * @param device where the models are
     * @param progress hears a line for each model
     * @throws InputException if the run has no model yet, or the recipe no held-out prompts
     */
    public static RlClaims measure(
            Path recipe, @Nullable Path heldOut, Path run, Settings settings, Path kept, String device, Consumer<String> progress) {
        GrpoRecipe own = RecipeFile.read(recipe, GrpoRecipe.class).recipe();
        GrpoRecipe r = heldOut == null ? own : own.with(RecipeFile.read(heldOut, GrpoRecipe.Evaluation.class).recipe());
        Map<Long, Path> models = models(run, new Snapshots(run).newest().map(Snapshots.Found::step).orElse(r.loop().steps()));
        try (GrpoParts parts = GrpoParts.toEvaluate(recipe, r, settings.prompts(), device)) {
            Passes set = new Passes(parts.requireHeldOut(), new Measurements(kept, settings.prompts() + "\n" + evaluated(r)));
            Model supervised = new Model(parts.policy().reference(), Measurements.fingerprint(GrpoParts.start(recipe, r)));
            double[][] before = set.rewards(supervised, settings.bestOf());
            progress.accept(settings.bestOf() + " images a prompt of the supervised model");
            Map<Integer, Interval> bestOf = new TreeMap<>();
            Map<Integer, double[]> bests = new TreeMap<>();
            for (int n = 1; n <= settings.bestOf(); n++) {
                int of = n;
                double[] best = Arrays.stream(before).mapToDouble(samples -> expectedBest(samples, of)).toArray();
                bests.put(n, best);
                bestOf.put(n, Bootstrap.mean(best));
            }
            Map<Long, Interval> steps = new TreeMap<>();
            steps.put(0L, Bootstrap.mean(bests.getOrDefault(1, new double[0])));
            double[] last = new double[0];
            List<Guided> guidance = List.of();
            for (Map.Entry<Long, Path> model : models.entrySet()) {
                boolean isLast = model.getValue().equals(run.resolve("model").resolve("model"));
                UnifiedModel first = supervised.model();
                try (UnifiedModel weights = Policy.frozen(first.config(), model.getValue(), first.numerics())) {
                    Model later = new Model(weights, Measurements.fingerprint(model.getValue()));
                    last = Arrays.stream(set.rewards(later, settings.samples()))
                            .mapToDouble(samples -> Arrays.stream(samples).average().orElseThrow())
                            .toArray();
                    steps.put(model.getKey(), Bootstrap.mean(last));
                    progress.accept("step " + model.getKey() + ": reward " + steps.get(model.getKey()));
                    if (isLast) {
                        guidance = set.guidance(supervised, later, settings, progress);
                    }
                }
            }
            Map<Integer, Interval> gain = new TreeMap<>();
            double[] end = last;
            bests.forEach((n, best) -> gain.put(n, Bootstrap.difference(end, best)));
            return new RlClaims(settings.prompts(), bestOf, steps, gain, guidance);
        }
    }

    /** Kept models by step, and the last one. */
    private static Map<Long, Path> models(Path run, long done) {
        Map<Long, Path> models = new TreeMap<>();
        Path last = run.resolve("model").resolve("model");
        if (!Files.isRegularFile(last.resolve("model.safetensors"))) {
            throw new InputException(last + " has no model.safetensors; name the folder of a run of train grpo that has made a checkpoint");
        }
        Path kept = run.resolve("models");
        if (Files.isDirectory(kept)) {
            try (Stream<Path> folders = Files.list(kept)) {
                for (Path folder : folders.toList()) {
                    Matcher name = STEP.matcher(folder.getFileName().toString());
                    if (name.matches() && Long.parseLong(name.group(1)) > 0) {
                        models.put(Long.parseLong(name.group(1)), folder.resolve("model"));
                    }
                }
            } catch (IOException e) {
                throw new InputException(kept + " cannot be listed (" + e + "); check its permissions", e);
            }
        }
        models.put(done, last);
        return models;
    }

    /** What of a recipe held-out numbers depend on; the loop may change, and how often it looks at how many prompts. */
    private static String evaluated(GrpoRecipe r) {
        return requireNonNull(r.heldOut()).prompts() + "\n" + r.rewards() + "\n" + r.decoder() + "\n" + r.precision() + "\n" + r.seed();
    }

    /** A model and what tells its weights from others. */
    private record Model(UnifiedModel model, String fingerprint) {}

    /** The held-out prompts, and what has been measured on them. */
    private record Passes(HeldOut prompts, Measurements measurements) {

        /** Rewards, prompts x samples. */
        double[][] rewards(Model model, int samples) {
            double[][] rewards = new double[prompts.prompts().size()][samples];
            for (int sample = 0; sample < samples; sample++) {
                int at = sample;
                double[] total = measurements.of(
                        model.fingerprint(), "reward " + sample,
                        () -> prompts.judged(model.model(), RolloutSampler.UNFILTERED, at).rewards().total());
                for (int i = 0; i < total.length; i++) {
                    rewards[i][sample] = total[i];
                }
            }
            return rewards;
        }

        List<Guided> guidance(Model before, Model after, Settings settings, Consumer<String> progress) {
            int[] withText = IntStream.range(0, prompts.prompts().size()).filter(i -> prompts.prompts().get(i).written().isPresent()).toArray();
            List<Guided> guided = new ArrayList<>();
            for (double scale : withText.length == 0 ? List.<Double>of() : settings.guidance()) {
                double[] a = textAccuracies(before, scale, withText);
                double[] b = textAccuracies(after, scale, withText);
                guided.add(Guided.of(scale, a, b));
                Change change = guided.getLast().accuracy();
                progress.accept("guidance " + scale + ": text accuracy " + change.before() + ", then " + change.after());
            }
            return guided;
        }

        private double[] textAccuracies(Model model, double scale, int[] chosen) {
            return measurements.of(model.fingerprint(), "text accuracy, guidance " + scale, () -> {
                List<Drawn> drawn = prompts.drawn(model.model(), new Sampling(scale, 1, 0, 1, 0), 0);
                return Arrays.stream(chosen).mapToDouble(i -> prompts.textAccuracy(drawn.get(i))).toArray();
            });
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

    /** One JSON object, indented. */
    public String json() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("prompts", prompts);
        all.put("figure_2", Map.of("best_of_n", bestOf, "steps", steps, "last_step_minus_best_of_n", gain));
        all.put("figure_6", guidance);
        return Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(all);
    }

    /** Writes {@code claims.json}, then both figures as PNG. */
    public void write(Path folder) {
        NewFile.write(folder.resolve("claims.json"), json() + "\n");
        ClaimCharts.write(this, folder);
    }
}
