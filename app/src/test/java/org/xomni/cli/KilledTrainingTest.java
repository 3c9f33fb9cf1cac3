package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.xomni.tensor.Json;

/** Training processes that end as no program wants to: killed at any moment, or with no room left on the disk. */
class KilledTrainingTest {
    private static final int KILLS = 3;
    /** Of the killed runs. */
    private static final int STEPS = 24;

    private static final String LOOP = """
            loop:
              steps: %d
              accumulate: 1
              learning-rate: 1e-3
              schedule: {kind: constant, warmup: 0}
              optimizer: {betas: [0.9, 0.98], eps: 1e-8, weight-decay: 0, clip: 1}
              ema: 0.9
              checkpoint-every: %d
              log-every: 1
            """;

    /** A stage of {@code TrainingLoop}, one that packs samples, and {@code GrpoLoop}. */
    private enum Stage {
        AUTOENCODER("""
                checkpoint: %s
                seed: 1
                data: {kind: signs, seed: 1, tasks: {generation: 1}, sizes: [96x96]}
                stage: {batch: 2, crop: 16, edges: 0.5, kl: 1e-4}
                """, STEPS),
        PRETRAIN("""
                checkpoint: %s
                seed: 2
                data: {kind: signs, seed: 2, tasks: {generation: 2, questions: 1}, sizes: [96x96, 96x112]}
                stage: {trained: everything, rows: 2, length: 256, drop-prompts: 0.1}
                """, STEPS),
        GRPO("""
                checkpoint: %s
                seed: 3
                decoder: {steps: 1, guidance: 1}
                prompts: {kind: signs-scenes, seed: 2, sizes: [96x96]}
                rewards: [{weight: 1, reward: signs}]
                grpo: {prompts: 1, rollouts: 3}
                """, 8);

        private final String recipe;
        private final int steps;

        Stage(String recipe, int steps) {
            this.recipe = recipe;
            this.steps = steps;
        }

        String write(Path file) throws IOException {
            return Files.writeString(file, recipe.formatted(Cli.fixture("tiny-en")) + LOOP.formatted(steps, Math.max(1, steps / 20))).toString();
        }

        String command() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource
    void aRunThatIsKilledAgainAndAgainEndsAsIfNothingHadHappened(Stage stage) throws Exception {
        String recipe = stage.write(folder.resolve("recipe.yaml"));
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        long start = System.nanoTime();
        assertThat(train(stage, recipe, whole).waitFor()).isZero();
        long took = System.nanoTime() - start;

        // From the first moments of a process to shortly before its end.
        SplittableRandom random = new SplittableRandom(stage.ordinal());
        for (int kill = 0; kill < KILLS; kill++) {
            Process run = train(stage, recipe, killed);
            boolean ended = run.waitFor((long) (took * (0.3 + 0.6 * random.nextDouble())), TimeUnit.NANOSECONDS);
            int status = run.destroyForcibly().waitFor();
            // It may end by itself between the two lines above.
            assertThat(status).isIn(ended ? List.of(0) : List.of(128 + 9, 0));
        }
        assertThat(train(stage, recipe, killed).waitFor()).isZero();

        assertThat(state(killed, stage.steps)).hasSameBinaryContentAs(state(whole, stage.steps));
        assertThat(losses(killed)).isEqualTo(losses(whole)).hasSize(stage.steps);
        for (Path file : files(whole.resolve("model"))) {
            assertThat(killed.resolve(whole.relativize(file))).hasSameBinaryContentAs(file);
        }
    }

    /** The step at hand still reads pictures after the signal. {@link InterruptTest} shows that nothing is closed beneath it: what is closed may work on for a while. */
    @Test
    void aRunThatIsAskedToEndFinishesItsStepAndSaysHowToGoOn() throws Exception {
        Path recipe = folder.resolve("recipe.yaml");
        Files.writeString(recipe, """
                checkpoint: %s
                seed: 4
                decoder: {steps: 1, guidance: 1}
                prompts: {kind: signs-text, seed: 2, buckets: [30], sizes: [96x96]}
                rewards: [{weight: 1, reward: ocr}]
                grpo: {prompts: 2, rollouts: 8}
                """.formatted(Cli.fixture("tiny-en")) + LOOP.formatted(1000, 1000));
        Path run = folder.resolve("run");
        Path metrics = run.resolve("metrics.jsonl");
        Process process = Jvm.start("train", "grpo", "--recipe", recipe.toString(), "--run", run.toString(), "--threads", "2");
        while (!Files.exists(metrics) || Files.size(metrics) == 0) {
            assertThat(process.isAlive()).as("it has not made a step").isTrue();
            Thread.sleep(10);
        }
        boolean unused = process.toHandle().destroy();
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(err).isEqualTo(128 + 15);
        assertThat(err).contains("stopped in " + run + "; go on with --resume");
        assertThat(state(run, losses(run).size())).exists();
    }

    /** {@code ulimit -f} ends writing as a full disk does: with an error in the middle of a file. */
    @Test
    void aFullDiskStopsTheRunWithOneLineAndTheLastCheckpointWhole() throws Exception {
        String recipe = Stage.AUTOENCODER.write(folder.resolve("recipe.yaml"));
        Path run = folder.resolve("run");
        Process first = train(Stage.AUTOENCODER, recipe, run);
        while (!Files.exists(state(run, 3))) {
            assertThat(first.isAlive()).as("it has not reached step 3").isTrue();
            Thread.sleep(10);
        }
        assertThat(first.destroyForcibly().waitFor()).isPositive();
        Path last = newest(run);
        byte[] before = bytes(last);
        String blocks = Long.toString(before.length / 2 / 512);

        List<String> command = Jvm.command("train", "autoencoder", "--recipe", recipe, "--run", run.toString(), "--resume", "--threads", "1");
        String line = "ulimit -f " + blocks + "; exec \"$@\"";
        Process full = new ProcessBuilder(Stream.concat(Stream.of("sh", "-c", line, "sh"), command.stream()).toList()).start();
        String err = new String(full.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(full.waitFor()).isEqualTo(1);
        assertThat(err).contains("cannot be written").contains("--resume").doesNotContain("\tat ");
        assertThat(newest(run)).isEqualTo(last);
        assertThat(Arrays.equals(bytes(last), before)).isTrue();

        assertThat(train(Stage.AUTOENCODER, recipe, run).waitFor()).as("with room again it goes on").isZero();
    }

    private static Process train(Stage stage, String recipe, Path run) throws IOException {
        return new ProcessBuilder(Jvm.command(
                        "train", stage.command(), "--recipe", recipe, "--run", run.toString(), "--resume", "--threads", "1"))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static Path state(Path run, int step) {
        return run.resolve("checkpoints").resolve("step-%09d".formatted(step)).resolve("state.safetensors");
    }

    private static Path newest(Path run) {
        return IntStream.rangeClosed(1, STEPS).mapToObj(step -> state(run, step)).filter(Files::exists).reduce((a, b) -> b).orElseThrow();
    }

    private static byte[] bytes(Path file) throws IOException {
        return Files.readAllBytes(file);
    }

    private static List<Double> losses(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> Json.mapper().readTree(line).path("loss").asDouble())
                .toList();
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
