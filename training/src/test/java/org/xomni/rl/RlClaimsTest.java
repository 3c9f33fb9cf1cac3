package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.eval.Interval;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.train.DryRun;
import org.xomni.train.MetricsFile;
import org.xomni.train.RecipeFile;
import org.xomni.train.RunListener;
import tools.jackson.databind.JsonNode;

/** From a recipe to a run, its held-out measurements, its sheets and the claims about it, on a tiny model with its real decoder and real rewards. */
class RlClaimsTest {
    private static final Path CHECKPOINT = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh");

    @TempDir
    Path folder;

    private Path recipe() throws IOException {
        return Files.writeString(folder.resolve("grpo.yaml"), """
                checkpoint: %s
                seed: 3
                decoder: {steps: 1, guidance: 1}
                prompts:
                  kind: mixture
                  seed: 1
                  parts:
                    - {weight: 2, prompts: {kind: signs-text, seed: 1, buckets: [4, 8], sizes: [96x96]}}
                    - {weight: 1, prompts: {kind: signs-scenes, seed: 2, sizes: [96x96]}}
                rewards:
                  - {weight: 1, reward: {kind: ocr, likelihood: 0.5}}
                  - {weight: 1, reward: signs}
                  - {weight: 1, scale: group, reward: self}
                grpo: {prompts: 2, rollouts: 3, clip: {kind: higher, low: 0.2, high: 0.28}, aggregation: {kind: fixed-length, length: 36}, advantage: centred}
                held-out:
                  prompts: {kind: signs-text, seed: 4, split: held-out, buckets: [8], sizes: [96x96]}
                  count: 2
                  every: 1
                  shown: 2
                  keep-models: true
                loop:
                  steps: 2
                  accumulate: 2
                  learning-rate: 1e-3
                  schedule: {kind: constant, warmup: 0}
                  optimizer: {betas: [0.9, 0.98], eps: 1e-8, weight-decay: 0, clip: 1}
                  ema: 0
                  checkpoint-every: 2
                  log-every: 2
                """.formatted(CHECKPOINT));
    }

    @Test
    void theWholeLoopRunsFromARecipeToTheFigures() throws IOException {
        Path recipe = recipe();
        DryRun dry = GrpoDryRun.of(recipe);
        assertThat(dry.problems()).isEmpty();
        assertThat(dry.missing()).isEmpty();
        assertThat(dry.amountPerStep()).isEqualTo(2 * 3 * 36);

        Path run = folder.resolve("run");
        GrpoTraining.run(recipe, run, false, "cpu", RunListener.NONE);
        Path other = Files.writeString(folder.resolve("faster.yaml"), Files.readString(recipe).replace("learning-rate: 1e-3", "learning-rate: 2e-3"));
        assertThatThrownBy(() -> GrpoTraining.run(other, run, true, "cpu", RunListener.NONE))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("begun with another recipe");
        assertThat(run.resolve("recipe.yaml")).hasContent(Files.readString(recipe));

        MetricsFile metrics = MetricsFile.read(run);
        assertThat(metrics.names()).contains(
                "reward", "reward_deviation", "reward_deviation_in_groups", "reward_signs", "reward_self", "zero_variance_groups", "kl", "entropy",
                "clipped_high", "clipped_low", "gradient_norm", "tokens_per_s", "seconds_rollout", "seconds_decode", "seconds_reward", "seconds_score",
                "seconds_update", "seconds_evaluate", "held_out_reward", "held_out_text_exact", "held_out_background", "held_out_codes_perplexity");
        assertThat(metrics.series("held_out_reward").steps()).containsExactly(0, 1, 2);
        Pixels sheet = ImageFiles.read(run.resolve("sheets").resolve("step-000000002.png"));
        assertThat(sheet.width()).isGreaterThan(2 * 96);
        assertThat(Files.readAllLines(run.resolve("sheets").resolve("step-000000000.txt"))).hasSize(2);

        List<String> told = new ArrayList<>();
        RlClaims claims = RlClaims.measure(recipe, null, List.of(run), new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0)), folder.resolve("measured"), "cpu", told::add);
        assertThat(claims.steps().keySet()).containsExactly(0L, 1L, 2L);
        assertThat(mean(claims.bestOf(), 2)).isGreaterThanOrEqualTo(mean(claims.bestOf(), 1));
        assertThat(mean(claims.gain(), 1)).isCloseTo(mean(claims.steps(), 2L) - mean(claims.bestOf(), 1), within(1e-9));
        // Drawn from the same random numbers as while training.
        assertThat(mean(claims.steps(), 2L)).isCloseTo(lastHeldOut(metrics), within(1e-6));
        assertThat(claims.guidance()).hasSize(2);
        RlClaims.Change exact = claims.guidance().getFirst().exact();
        assertThat(exact.difference().mean()).isCloseTo(exact.after().mean() - exact.before().mean(), within(1e-9));
        assertThat(exact.after().mean()).isLessThanOrEqualTo(claims.guidance().getFirst().accuracy().after().mean());
        anInterruptedEvaluationGoesOn(recipe, run, claims);
        anotherHeldOutSetTakesTheRecipesPlace(recipe, run, claims);
        severalRunsAreAveragedPromptByPrompt(recipe, run, claims);
        aRunThatIsGoneIsKnownByWhatWasMeasured(recipe, claims);
        claims.write(folder.resolve("claims"));
        JsonNode json = Json.mapper().readTree(Files.readString(folder.resolve("claims").resolve("claims.json")));
        assertThat(claims.json()).as("always in this order").containsSubsequence("\"best_of_n\"", "\"steps\"", "\"last_step_minus_best_of_n\"");
        assertThat(json.path("figure_2").path("best_of_n").path("2").path("mean").asDouble()).isEqualTo(mean(claims.bestOf(), 2));
        assertThat(json.path("figure_6").get(1).path("scale").asDouble()).isEqualTo(2);
        for (String figure : List.of("figure-2.png", "figure-6.png")) {
            Pixels drawn = ImageFiles.read(folder.resolve("claims").resolve(figure));
            assertThat(drawn.width()).isEqualTo(900);
        }
    }

    /** What was measured is read, not measured again; what is lost is measured as before. */
    private void anInterruptedEvaluationGoesOn(Path recipe, Path run, RlClaims claims) throws IOException {
        Path measured = folder.resolve("measured");
        List<Path> files;
        try (Stream<Path> all = Files.list(measured)) {
            files = all.filter(file -> !file.endsWith("run.json")).sorted().toList();
        }
        // Two samples before, one at each of two later models, two scales of two models.
        assertThat(files).hasSize(2 + 2 + 4);
        Files.delete(files.getFirst());
        Files.writeString(files.getLast(), "[0.25, 0.25]");
        RlClaims again = RlClaims.measure(recipe, null, List.of(run), new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0)), measured, "cpu", line -> {});
        assertThat(files.getFirst()).exists();
        assertThat(again).isNotEqualTo(claims);
        Files.delete(files.getLast());
        assertThat(RlClaims.measure(recipe, null, List.of(run), new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0)), measured, "cpu", line -> {})).isEqualTo(claims);
    }

    private void aRunThatIsGoneIsKnownByWhatWasMeasured(Path recipe, RlClaims claims) {
        Path measured = folder.resolve("measured");
        List<Path> left = List.of(measured.resolve("run.json"));
        assertThat(RlClaims.measure(recipe, null, left, new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0)), measured, "cpu", line -> {})).isEqualTo(claims);
        assertThatThrownBy(() -> RlClaims.measure(recipe, null, left, new RlClaims.Settings(2, 2, 2, List.of(1.0)), measured, "cpu", line -> {}))
                .isInstanceOf(InputException.class).hasMessageContaining("are not here");
    }

    private void anotherHeldOutSetTakesTheRecipesPlace(Path recipe, Path run, RlClaims claims) throws IOException {
        Path own = Files.writeString(folder.resolve("same.yaml"), """
                prompts: {kind: signs-text, seed: 4, split: held-out, buckets: [8], sizes: [96x96]}
                count: 2
                every: 1
                shown: 2
                keep-models: true
                """);
        Path other = Files.writeString(folder.resolve("other.yaml"), Files.readString(own).replace("seed: 4", "seed: 5"));
        RlClaims.Settings settings = new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0));
        Path measured = folder.resolve("measured");
        assertThat(RlClaims.measure(recipe, own, List.of(run), settings, measured, "cpu", line -> {})).as("the recipe's own").isEqualTo(claims);
        assertThat(RlClaims.measure(recipe, other, List.of(run), settings, measured, "cpu", line -> {})).as("other prompts").isNotEqualTo(claims);
    }

    @Test
    void exactTextOfSeveralRunsIsTheShareOfThem() {
        RlClaims.Texts mean = RlClaims.Texts.mean(List.of(
                RlClaims.Texts.of(new double[] {1, 1, 0.5}), RlClaims.Texts.of(new double[] {1, 0.5, 0.25})));
        assertThat(mean.accuracies()).containsExactly(1, 0.75, 0.375);
        assertThat(mean.exact()).containsExactly(1, 0.5, 0);
    }

    /** The second run began at another place, so it ends elsewhere; it has kept fewer models. */
    private void severalRunsAreAveragedPromptByPrompt(Path recipe, Path run, RlClaims claims) throws IOException {
        // Of the same name as the first, elsewhere.
        Path other = folder.resolve("other").resolve("run");
        Path seed = Files.writeString(folder.resolve("seed.yaml"), Files.readString(recipe).replace("seed: 3\n", "seed: 9\n").replace("every: 1", "every: 2"));
        GrpoTraining.run(seed, other, false, "cpu", RunListener.NONE);
        RlClaims.Settings settings = new RlClaims.Settings(2, 2, 1, List.of(1.0, 2.0));
        RlClaims both = RlClaims.measure(recipe, null, List.of(run, other), settings, folder.resolve("measured"), "cpu", line -> {});
        assertThat(both.runs().keySet()).containsExactly(run.toString(), other.toString());
        RlClaims second = Objects.requireNonNull(both.runs().get(other.toString()));
        assertThat(both.runs()).containsEntry(run.toString(), claims);
        assertThat(second).isNotEqualTo(claims);
        assertThat(both.bestOf()).isEqualTo(claims.bestOf());
        assertThat(both.steps().keySet()).as("what both have kept").containsExactly(0L, 2L);
        assertThat(mean(both.steps(), 2L)).isCloseTo((mean(claims.steps(), 2L) + mean(second.steps(), 2L)) / 2, within(1e-9));
        assertThat(mean(both.gain(), 2)).isCloseTo((mean(claims.gain(), 2) + mean(second.gain(), 2)) / 2, within(1e-9));
        assertThat(both.guidance().getLast().accuracy().after().mean()).isCloseTo(
                (claims.guidance().getLast().accuracy().after().mean() + second.guidance().getLast().accuracy().after().mean()) / 2, within(1e-9));
        Path longer = Files.createDirectories(folder.resolve("longer"));
        copy(run.resolve("model"), longer.resolve("model"));
        copy(run.resolve("model"), longer.resolve("models").resolve("step-000000003"));
        assertThatThrownBy(() -> RlClaims.measure(recipe, null, List.of(run, longer), settings, folder.resolve("measured"), "cpu", line -> {}))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("[2, 3]");
        assertThat(Json.mapper().readTree(both.json()).path("runs").path(other.toString()).path("figure_2").path("steps").has("2")).isTrue();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = to.resolve(from.relativize(file));
                Files.createDirectories(Objects.requireNonNull(target.getParent()));
                Files.copy(file, target);
            }
        }
    }

    @Test
    void aPolicyThatJudgesItselfIsNoMeasure() throws IOException {
        Path recipe = recipe();
        String text = Files.readString(recipe);
        Path own = Files.writeString(folder.resolve("own.yaml"), text.replace("reward: self}", "reward: {kind: self, judge: policy}}"));
        assertThatThrownBy(() -> GrpoParts.toEvaluate(own, RecipeFile.read(own, GrpoRecipe.class).recipe(), 2, "cpu"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("judge: reference");
    }

    @Test
    void aRunThatIsNamedTwiceIsRefused() throws IOException {
        Path recipe = recipe();
        Path run = folder.resolve("run");
        assertThatThrownBy(() -> RlClaims.measure(
                        recipe, null, List.of(run, run), new RlClaims.Settings(1, 1, 1, List.of()), folder.resolve("measured"), "cpu", line -> {}))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("named twice");
    }

    private static <K> double mean(Map<K, Interval> intervals, K key) {
        return Objects.requireNonNull(intervals.get(key)).mean();
    }

    private static double lastHeldOut(MetricsFile metrics) {
        double[] values = metrics.series("held_out_reward").values();
        return values[values.length - 1];
    }

    @Test
    void theExpectedBestIsThatOfAllSubsets() {
        double[] samples = {3, 1, 4, 1};
        assertThat(RlClaims.expectedBest(samples, 1)).isCloseTo(9 / 4.0, within(1e-12));
        // Of the six pairs: 31 34 31 14 11 41.
        assertThat(RlClaims.expectedBest(samples, 2)).isCloseTo((3 + 4 + 3 + 4 + 1 + 4) / 6.0, within(1e-12));
        assertThat(RlClaims.expectedBest(samples, 3)).isCloseTo((4 + 3 + 4 + 4) / 4.0, within(1e-12));
        assertThat(RlClaims.expectedBest(samples, 4)).isEqualTo(4);
    }

    @Test
    void unknownKeysAndImpossibleValuesAreRefused() throws IOException {
        String text = Files.readString(recipe());
        refused(text.replace("rollouts: 3", "rollouts: 1").replace("keep-models: true", "keep-model: true"), "rollouts 1 at least 2", "unknown key 'keep-model'");
        refused(text.replace("steps: 1, guidance: 1", "steps: 0, guidance: -3"), "steps 0 must be at least 1", "guidance -3.0");
        refused(text.replace("weight: 2, prompts", "weight: -2, prompts"), "weight -2.0");
        refused(text.replace("buckets: [4, 8]", "buckets: [8, 4]"), "lengths must rise");
        refused(text.replace("seed: 2, sizes: [96x96]", "seed: 2, sizes: [100x100]"), "100x100");
        refused(text.replace("seed: 2, sizes: [96x96]", "seed: 2, sizes: []"), "at least one size");
        refused(text.replace("reward: signs}", "reward: {kind: ocr}}"), "[ocr, ocr, self] have the same name");
        refused(text.replace("seed: 2, sizes", "seed: 2, split: held-out, sizes"), "train on train or practice");
        refused(text.replace("split: held-out, ", ""), "add split: held-out");
        Files.writeString(folder.resolve("p.jsonl"), "{\"prompt\": \"a sign\", \"height\": 100}\n");
        String fromFile = text.replace("{kind: signs-scenes, seed: 2, sizes: [96x96]}", "{kind: file, path: p.jsonl, seed: 2, size: 96x96}");
        assertThat(fromFile).isNotEqualTo(text);
        refused(fromFile, "100x96 pixels has a side that is no multiple of 16");
        Path odd = Files.writeString(folder.resolve("odd.yaml"), fromFile);
        assertThatThrownBy(() -> GrpoTraining.run(odd, folder.resolve("odd"), false, "cpu", RunListener.NONE))
                .isInstanceOf(InputException.class).hasMessageContaining("100x96 pixels has a side that is no multiple of 16");
        Path late = Files.writeString(folder.resolve("late.yaml"), fromFile.replaceFirst("(?m)^checkpoint: (.*)$", "checkpoint: $1\nstart: nowhere"));
        assertThatThrownBy(() -> GrpoTraining.run(late, folder.resolve("late"), false, "cpu", RunListener.NONE))
                .as("before weights are looked for").hasMessageContaining("100x96 pixels has a side that is no multiple of 16");
    }

    private void refused(String text, String... why) throws IOException {
        Path bad = Files.writeString(folder.resolve("bad.yaml"), text);
        assertThatThrownBy(() -> GrpoDryRun.of(bad)).isInstanceOf(InputException.class).hasMessageContainingAll(why);
    }

    @Test
    void theRecipesOfThisRepositoryFitTogether() {
        Path recipes = Path.of(System.getProperty("xomni.root")).resolve("recipes");
        DryRun mini = GrpoDryRun.of(recipes.resolve("mini").resolve("grpo-2.yaml"));
        assertThat(mini.problems()).isEmpty();
        DryRun paper = GrpoDryRun.of(recipes.resolve("x-omni").resolve("grpo.yaml"));
        assertThat(paper.problems()).isEmpty();
        assertThat(paper.missing()).noneMatch(m -> m.contains("config.json"));
        assertThat(paper.loop().steps()).isEqualTo(200);
        assertThat(paper.amountPerStep()).as("512 images of 1152x1152").isEqualTo(512 * 72 * 72);
        assertThat(paper.memory().cache()).as("36 layers with keys and values of 4 x 128 in bf16, 32 rows").isEqualTo(36L * 2 * 4 * 128 * 2 * 32 * 72 * 72);
    }

    @Test
    void aRunWithoutAModelIsRefused() throws IOException {
        Path recipe = recipe();
        assertThatThrownBy(() -> RlClaims.measure(recipe, null, List.of(folder.resolve("none")), new RlClaims.Settings(1, 1, 1, List.of()), folder.resolve("measured"), "cpu", line -> {}))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("has no model.safetensors");
    }
}
