package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainCommandTest {
    @TempDir
    Path folder;

    private String recipe = "";

    /** An autoencoder of the fixture's form, which trains in a moment. */
    @BeforeEach
    void recipe() throws IOException {
        Path fixture = Cli.fixture("tiny-en");
        Files.createDirectories(folder.resolve("tiny/model"));
        Files.createDirectories(folder.resolve("tiny/flux/vae"));
        Files.copy(fixture.resolve("model/config.json"), folder.resolve("tiny/model/config.json"));
        Files.copy(fixture.resolve("flux/vae/config.json"), folder.resolve("tiny/flux/vae/config.json"));
        recipe = write("recipe.yaml", 16);
    }

    @Test
    void trainsAndRefusesToBeginAgain() {
        String run = folder.resolve("run").toString();

        Cli first = Cli.run("train", "autoencoder", "--recipe", recipe, "--run", run, "--threads", "1");
        assertThat(first.exitCode()).as(first.err()).isZero();
        assertThat(folder.resolve("run/model/flux/vae/diffusion_pytorch_model.safetensors")).exists();
        assertThat(folder.resolve("run/metrics.jsonl")).isNotEmptyFile();
        assertThat(first.err()).contains("steps 0 to 2").contains("done: ");

        Cli again = Cli.run("train", "autoencoder", "--recipe", recipe, "--run", run);
        assertThat(again.exitCode()).isEqualTo(2);
        assertThat(again.err().lines()).singleElement().asString().contains("continue it with --resume");

        Cli resumed = Cli.run("train", "autoencoder", "--recipe", recipe, "--run", run, "--resume");
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    }

    @Test
    void aRunMayBecomeLongerButNotAnother() throws IOException {
        String run = folder.resolve("run").toString();
        Cli begun = Cli.run("train", "autoencoder", "--recipe", recipe, "--run", run);
        assertThat(begun.exitCode()).as(begun.err()).isZero();
        String text = Files.readString(Path.of(recipe));
        Path longer = Files.writeString(folder.resolve("longer.yaml"), text.replace("steps: 2", "steps: 4"));
        Path other = Files.writeString(folder.resolve("other.yaml"), text.replaceFirst("seed: \\d+", "seed: 12345"));

        Cli longerRun = Cli.run("train", "autoencoder", "--recipe", longer.toString(), "--run", run, "--resume");
        assertThat(longerRun.exitCode()).as(longerRun.err()).isZero();
        assertThat(longerRun.err()).contains("steps 2 to 4");
        assertThat(folder.resolve("run/checkpoints/step-000000004")).exists();

        Cli otherRun = Cli.run("train", "autoencoder", "--recipe", other.toString(), "--run", run, "--resume");
        assertThat(otherRun.exitCode()).isEqualTo(2);
        assertThat(otherRun.err()).contains("begun with another recipe");
    }

    @Test
    void dryRunWritesNothing() {
        Cli dry = Cli.run("train", "autoencoder", "--recipe", recipe, "--run", folder.resolve("run").toString(), "--dry-run");

        assertThat(dry.exitCode()).as(dry.err()).isZero();
        assertThat(dry.out()).contains("autoencoder").contains("2 steps").contains("memory");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    void reinforcementLearningIsCheckedByADryRunToo() {
        Path recipe = Path.of(System.getProperty("xomni.root")).resolve("recipes").resolve("x-omni").resolve("grpo.yaml");
        Cli dry = Cli.run("train", "grpo", "--recipe", recipe.toString(), "--dry-run");

        assertThat(dry.exitCode()).as(dry.err()).isZero();
        assertThat(dry.out()).contains("policy").contains("reference").contains("200 steps").contains("midjourney.jsonl, prompts");
    }

    @Test
    void badInputIsOneLine() throws IOException {
        for (Cli bad : new Cli[] {
            Cli.run("train", "painter", "--recipe", recipe),
            Cli.run("train", "autoencoder", "--recipe", folder.resolve("none.yaml").toString(), "--run", folder.resolve("r").toString()),
            Cli.run("train", "autoencoder", "--recipe", write("crop.yaml", 12), "--run", folder.resolve("r").toString()),
            Cli.run("train", "autoencoder", "--recipe", write("crop.yaml", 12), "--dry-run"),
            Cli.run("train", "sft", "--recipe", recipe, "--dry-run"),
            Cli.run("train", "autoencoder"),
            Cli.run("train", "grpo", "--recipe", recipe, "--run", folder.resolve("r").toString()),
            Cli.run("eval", "rl-claims", "--recipe", recipe),
            Cli.run("eval", "rl-claims", "--recipe", recipe, "--prompts", "0"),
            Cli.run("init", folder.resolve("out").toString(), "--qwen", folder.resolve("none").toString())
        }) {
            assertThat(bad.exitCode()).as(bad.err()).isEqualTo(2);
            assertThat(bad.err().lines()).hasSize(1);
        }
        assertThat(Cli.run("train", "painter", "--recipe", recipe).err()).contains("'painter' is not known");
    }

    private String write(String name, int crop) throws IOException {
        return Files.writeString(folder.resolve(name), """
                checkpoint: tiny
                seed: 1
                data: {kind: signs, seed: 1, tasks: {generation: 1}, sizes: [96x96]}
                loop:
                  steps: 2
                  accumulate: 1
                  learning-rate: 1e-3
                  schedule: {kind: constant, warmup: 0}
                  optimizer: {betas: [0.9, 0.98], eps: 1e-8, weight-decay: 0, clip: 1}
                  ema: 0
                  checkpoint-every: 1
                  log-every: 1
                stage: {batch: 2, crop: %d, edges: 0, kl: 0}
                """.formatted(crop)).toString();
    }
}
