package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

class BenchCommandTest {
    @TempDir
    Path folder;

    private static final String[] SHAPE = {
        "--hidden", "64", "--layers", "2", "--heads", "2", "--kv-heads", "1", "--ffn", "96", "--vocab", "40", "--image-vocab", "48", "--context", "16"
    };

    @ParameterizedTest
    @CsvSource({"decode, tokens_per_s", "prefill, tokens_per_s", "tokenizer, images_per_s", "decoder, images_per_s", "rl, seconds_update"})
    void printsOneLineOfJsonBesideTheMachinesLimits(String what, String figure) {
        List<String> args = new ArrayList<>(List.of("bench", what));
        args.addAll(Arrays.asList(SHAPE));

        Cli result = Cli.run(args.toArray(String[]::new));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out().lines()).hasSize(1);
        JsonNode line = Json.mapper().readTree(result.out());
        assertThat(line.get(figure).doubleValue()).isPositive();
        assertThat(line.get("read_bandwidth_gbs").doubleValue()).isPositive();
        assertThat(line.get("small_op_us").doubleValue()).isPositive();
        if (!what.equals("rl")) {
            assertThat(line.get("weight_bytes_per_token").longValue()).isPositive();
            assertThat(line.get("achieved_gbs").doubleValue()).isPositive();
        }
        if (what.equals("prefill")) {
            assertThat(line.get("weight_bytes_per_token").longValue()).isEqualTo(4 * 2L * (64 * 32 * (2 * 2 + 2) + 3 * 64 * 96) / 16);
        }
        if (what.equals("decode")) {
            // Two blocks of attention (64 x 32 for four query and two key-value heads' worth) and MLP, and the image head, in fp32.
            long weights = 2L * (64 * 32 * (2 * 2 + 2) + 3 * 64 * 96) + 64 * 48;
            assertThat(line.get("weight_bytes_per_token").longValue()).isEqualTo(4 * weights);
        }
    }

    @Test
    void stepsOfARecipeAreTimedAsTheyRun() throws IOException {
        Path recipe = Files.writeString(folder.resolve("grpo.yaml"), """
                checkpoint: %s
                seed: 3
                decoder: {steps: 1, guidance: 1}
                prompts: {kind: signs-text, seed: 1, buckets: [8], sizes: [96x96]}
                rewards: [{weight: 1, reward: ocr}]
                grpo: {prompts: 2, rollouts: 3}
                loop:
                  steps: 100
                  accumulate: 1
                  learning-rate: 1e-3
                  schedule: {kind: constant, warmup: 0}
                  optimizer: {betas: [0.9, 0.98], eps: 1e-8, weight-decay: 0, clip: 1}
                  ema: 0
                  checkpoint-every: 100
                  log-every: 1
                """.formatted(Cli.fixture("tiny-zh")));

        Cli result = Cli.run("bench", "rl", "--recipe", recipe.toString());

        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode line = Json.mapper().readTree(result.out());
        assertThat(line.get("rollouts").intValue()).isEqualTo(6);
        for (String phase : List.of("rollout", "decode", "reward", "score", "update")) {
            assertThat(line.get("seconds_" + phase).doubleValue()).as(phase).isPositive();
        }
        assertThat(line.get("seconds_step").doubleValue()).isGreaterThan(line.get("seconds_rollout").doubleValue());
        assertThat(line.get("tokens_per_s").doubleValue()).isPositive();

        Path brief = Files.writeString(folder.resolve("brief.yaml"), Files.readString(recipe).replace("steps: 100", "steps: 1"));
        Cli tooBrief = Cli.run("bench", "rl", "--recipe", brief.toString());
        assertThat(tooBrief.exitCode()).isEqualTo(2);
        assertThat(tooBrief.err()).contains("too few to time");

        Cli refused = Cli.run("bench", "decode", "--recipe", recipe.toString());
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("--recipe is for bench rl");
    }
}
