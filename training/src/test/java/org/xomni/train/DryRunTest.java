package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.signs.SignsWorld;
import org.xomni.tensor.InputException;

class DryRunTest {
    @TempDir
    Path folder;

    @BeforeEach
    void checkpoint() {
        Path unused = TinyCheckpoint.withFrozenParts(folder.resolve("tiny"));
    }

    @Test
    void countsWhatTheStageTrains() throws IOException {
        for (UnifiedStage.Trained trained : UnifiedStage.Trained.values()) {
            DryRun dry = DryRun.of("pretrain", unified("", trained.name().toLowerCase(Locale.ROOT), 64));

            var settings = new UnifiedStage.Settings(trained, 2, 64, 0, 1, false, 0);
            try (Stage stage = new UnifiedStage(folder.resolve("tiny/model"), null, settings, 1, TinyCheckpoint.FP32,
                    TinyCheckpoint.tokenised(SignsWorld.Tasks.GENERATION, 1), 1)) {
                long real = stage.groups().getFirst().parameters().values().stream().mapToLong(t -> t.numel()).sum();
                assertThat(dry.parts().getFirst().trained()).isEqualTo(real);
            }
            assertThat(dry.problems()).isEmpty();
            assertThat(dry.missing()).isEmpty();
        }
    }

    @Test
    void countsTokensAndBytes() throws IOException {
        DryRun dry = DryRun.of("sft", unified("", "everything", 64));

        long n = dry.parts().getFirst().parameters();
        assertThat(dry.amountPerStep()).isEqualTo(2 * 64 * 3);
        assertThat(dry.parts().getFirst().trained()).isEqualTo(n);
        Memory memory = dry.memory();
        long frozen = dry.parts().get(1).parameters();
        assertThat(memory.weights()).isEqualTo(4 * (n + frozen));
        assertThat(memory.gradients()).isEqualTo(4 * n);
        assertThat(memory.masters()).as("an fp32 parameter is its own master").isZero();
        assertThat(memory.moments()).isEqualTo(8 * n);
        assertThat(memory.averages()).as("with ema 0 they are the weights").isZero();
        Path averaged = Files.writeString(folder.resolve("averaged.yaml"), Files.readString(unified("", "everything", 64)).replace("ema: 0", "ema: 0.9"));
        assertThat(DryRun.of("sft", averaged).memory().averages()).isEqualTo(4 * n);
    }

    @Test
    void bf16WeightsHaveMasters() throws IOException {
        DryRun dry = DryRun.of("sft", unified("precision: bfloat16\n", "everything", 64));

        Part model = dry.parts().getFirst();
        assertThat(dry.memory().masters()).isEqualTo(4 * model.mastered()).isPositive();
        assertThat(dry.memory().gradients()).as("sums are fp32").isEqualTo(4 * model.trained());
        assertThat(model.bytes()).isEqualTo(4 * (model.parameters() - model.mastered()) + 2 * model.mastered());
    }

    @Test
    void needsNoWeights() throws IOException {
        Files.delete(folder.resolve("tiny/model/projector.pt"));
        Files.delete(folder.resolve("tiny/model/siglip.pt"));
        Files.delete(folder.resolve("tiny/model/tokenizer.json"));

        DryRun dry = DryRun.of("pretrain", unified("start: nowhere\n", "everything", 64));

        assertThat(dry.missing()).hasSize(4).anyMatch(m -> m.contains("projector.pt")).anyMatch(m -> m.contains("nowhere"));
        assertThat(dry.problems()).isEmpty();
    }

    @Test
    void tokensNeedNoTokenizer() throws IOException {
        Path recipe = unified("", "everything", 64);
        Files.writeString(recipe, Files.readString(recipe).replaceFirst("data: .*", "data: {kind: tokens, path: tiny, seed: 1}"));
        Files.delete(folder.resolve("tiny/model/siglip.pt"));

        DryRun dry = DryRun.of("pretrain", recipe);

        assertThat(dry.parts()).extracting(Part::name).containsExactly("unified model");
        assertThat(dry.missing()).isEmpty();
    }

    @Test
    void findsRowsThatHoldNoPicture() throws IOException {
        DryRun tooShort = DryRun.of("pretrain", unified("", "everything", 40));
        DryRun tooLong = DryRun.of("pretrain", unified("", "everything", 4096));

        assertThat(tooShort.problems()).singleElement().asString().contains("the largest picture takes 46 ids");
        assertThat(tooLong.problems()).singleElement().asString().contains("max_position_embeddings 512");
    }

    @Test
    void findsADecoderOfAnotherTokenizer() throws IOException {
        Path config = folder.resolve("tiny/model/decoder/config.json");
        Files.writeString(config, Files.readString(config)
                .replace("\"siglip_channels\": 32", "\"siglip_channels\": 64")
                .replace("\"in_channels\": 16", "\"in_channels\": 32"));

        DryRun dry = DryRun.of("decoder", recipe("", "stage: {batch: 4, drop-tokens: 0.1, drop-images: 0}"));

        // The width of features is the tokenizer's, whatever the decoder's file says.
        assertThat(dry.problems()).singleElement().asString().contains("in_channels is 32");
        assertThat(dry.batch().amount()).isEqualTo(4 * 36);
    }

    @Test
    void whatIsMeasuredOnIsNotTrainedOn() throws IOException {
        String trained = Files.readString(unified("", "everything", 64));
        Path onHeldOut = Files.writeString(folder.resolve("wrong.yaml"), trained.replace("sizes: [96x96]}", "sizes: [96x96], split: held-out}"));
        assertThatThrownBy(() -> DryRun.of("sft", onHeldOut)).isInstanceOf(InputException.class).hasMessageContaining("train or practice");
        Path beside = Files.writeString(folder.resolve("beside.yaml"), trained
                + "held-out: {data: {kind: signs, seed: 1, split: held-out, tasks: {generation: 1}, sizes: [96x96]}, batches: 2, every: 5}\n");
        assertThat(DryRun.of("sft", beside).problems()).isEmpty();
    }

    @Test
    void refusesCropsThatAreNoWholeLatents() throws IOException {
        Path recipe = recipe("", "stage: {batch: 4, crop: 60, edges: 0, kl: 0}");

        assertThatThrownBy(() -> DryRun.of("autoencoder", recipe)).isInstanceOf(InputException.class).hasMessageContaining("crop 60");
    }

    private Path unified(String more, String trained, int length) throws IOException {
        return recipe(more, "stage: {trained: " + trained + ", rows: 2, length: " + length + ", drop-prompts: 0}");
    }

    private Path recipe(String more, String stage) throws IOException {
        return Files.writeString(folder.resolve("recipe.yaml"), """
                checkpoint: tiny
                seed: 1
                data: {kind: signs, seed: 1, tasks: {generation: 1}, sizes: [96x96]}
                loop:
                  steps: 10
                  accumulate: 3
                  learning-rate: 1e-3
                  schedule: {kind: constant, warmup: 2}
                  optimizer: {betas: [0.9, 0.98], eps: 1e-8, weight-decay: 0, clip: 1}
                  ema: 0
                  checkpoint-every: 5
                  log-every: 1
                """ + more + stage + "\n");
    }
}
