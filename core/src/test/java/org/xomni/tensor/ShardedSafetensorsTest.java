package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class ShardedSafetensorsTest {
    private static final StoredTensor A = TestFiles.tensor("a", DType.UINT8, 0, 60);
    private static final StoredTensor B = TestFiles.tensor("b", DType.UINT8, 1, 50);
    private static final StoredTensor C = TestFiles.tensor("c", DType.UINT8, 2, 200);

    @TempDir
    Path temporary;

    private Path folder = Path.of("");

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createDirectory(temporary.resolve("model"));
    }

    @ParameterizedTest
    @CsvSource({"tiny-en/model, model, 4", "tiny-zh/model, model, 4", "tiny-en/flux/text_encoder_2, model, 3",
        "tiny-en/flux/text_encoder, model, 1", "tiny-en/flux/vae, diffusion_pytorch_model, 1",
        "tiny-zh/model/decoder, diffusion_pytorch_model, 1"})
    void aFixtureReadAndWrittenAgainHasTheSameFiles(String fixture, String base, int shards) throws IOException {
        Path original = TestFiles.FIXTURES.resolve(fixture);
        try (ShardedSafetensors weights = ShardedSafetensors.open(original, base)) {
            assertThat(weights.shards().values().stream().distinct()).hasSize(shards);
            assertThat(weights.tensors().keySet()).isEqualTo(weights.shards().keySet());
            ShardedSafetensors.write(folder, base, weights.tensors().values(), weights.shards());
        }
        for (String name : files(folder)) {
            assertThat(folder.resolve(name)).hasSameBinaryContentAs(original.resolve(name));
        }
        assertThat(files(folder)).hasSize(shards == 1 ? 1 : shards + 1);
    }

    @Test
    void shardsAreFilledInOrderUpToTheMaximum() {
        ShardedSafetensors.write(folder, "model", List.of(A, B, C, TestFiles.tensor("d", DType.UINT8, 3, 50)), 110);
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model")) {
            assertThat(weights.shards()).containsExactly(
                    Map.entry("a", "model-00001-of-00003.safetensors"), Map.entry("b", "model-00001-of-00003.safetensors"),
                    Map.entry("c", "model-00002-of-00003.safetensors"), Map.entry("d", "model-00003-of-00003.safetensors"));
            assertThat(TestFiles.bytes(weights.tensor("c"))).isEqualTo(TestFiles.bytes(C));
        }
        JsonNode index = Json.readObject(folder.resolve("model.safetensors.index.json"));
        assertThat(index.path("metadata").path("total_size").longValue()).isEqualTo(360);
    }

    @Test
    void aSaveRemovesWhatAFormerOneLeft() throws IOException {
        Files.writeString(folder.resolve("model-card.safetensors"), "not ours");
        ShardedSafetensors.write(folder, "model", List.of(A, B, C), 1);
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        assertThat(files(folder)).containsExactly("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "model-card.safetensors", "model.safetensors.index.json");
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1000);
        assertThat(files(folder)).containsExactly("model-card.safetensors", "model.safetensors");
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model")) {
            assertThat(weights.shards()).containsValues("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
        }
    }

    @Test
    void shardsMayBeReplacedByTensorsThatAreViewsOfThem() throws IOException {
        ShardedSafetensors.write(folder, "model", List.of(A, B, C), 110);
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model")) {
            ShardedSafetensors.write(folder, "model", weights.tensors().values(), 1000);
        }
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model")) {
            assertThat(TestFiles.bytes(weights.tensor("b"))).isEqualTo(TestFiles.bytes(B));
        }
        assertThat(files(folder)).containsExactly("model.safetensors");
    }

    @Test
    void aFolderWithoutWeightsSaysWhatWasLookedFor() {
        assertRefused("has neither model.safetensors nor model.safetensors.index.json;");
    }

    @Test
    void shardsWithoutAnIndexAreRefused() throws IOException {
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        Files.delete(folder.resolve("model.safetensors.index.json"));
        assertRefused("only 2 shards without their index (model-00001-of-00002.safetensors)");
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
        assertRefused("model-00002-of-00002.safetensors is missing, but model.safetensors.index.json names it");
    }

    @Test
    void aTensorThatItsShardLacksIsNamed() throws IOException {
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        index("{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"model-00001-of-00002.safetensors\"}}");
        assertRefused("puts tensor \"b\" into model-00001-of-00002.safetensors, but no shard has it");
        index("{\"weight_map\":{\"a\":\"model-00002-of-00002.safetensors\",\"b\":\"model-00001-of-00002.safetensors\"}}");
        assertRefused("puts tensor \"a\" into model-00002-of-00002.safetensors, but model-00001-of-00002.safetensors has it");
    }

    @Test
    void aTensorInTwoShardsIsNamed() throws IOException {
        ShardedSafetensors.write(folder, "model", List.of(A, B), 1);
        SafetensorsFile.write(folder.resolve("model-00002-of-00002.safetensors"), List.of(A, B), Map.of());
        assertRefused("tensor \"a\" is in model-00001-of-00002.safetensors and in model-00002-of-00002.safetensors");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"../evil.safetensors\"", "\"/etc/evil.safetensors\"", "\"..\"", "\"a\\\\b.safetensors\"",
        "\"C:b.safetensors\"", "\"a.bin\"", "\"\\u0000.safetensors\"", "7", "null"})
    void anIndexThatLeavesItsFolderIsRefused(String shard) throws IOException {
        SafetensorsFile.write(temporary.resolve("evil.safetensors"), List.of(A), Map.of());
        index("{\"weight_map\":{\"a\":" + shard + "}}");
        assertRefused("expected the plain name of a .safetensors file beside the index");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}"})
    void anIndexWithoutAMapIsRefused(String json) throws IOException {
        index(json);
        assertRefused("has no weight_map");
    }

    @Test
    void shardsToWriteAreChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> ShardedSafetensors.write(folder, "model", List.of(A), Map.of()));
        assertThatIllegalArgumentException().isThrownBy(() ->
                ShardedSafetensors.write(folder, "model", List.of(A), Map.of("a", "../a.safetensors")));
        assertThatIllegalArgumentException().isThrownBy(() -> ShardedSafetensors.write(folder, "model", List.of(A, B),
                Map.of("a", "model.safetensors", "b", "b.safetensors")));
        assertThatIllegalArgumentException().isThrownBy(() -> ShardedSafetensors.write(folder, "model", List.of(A, A), 1));
        assertThat(folder).isEmptyDirectory();
    }

    private void index(String json) throws IOException {
        Files.writeString(folder.resolve("model.safetensors.index.json"), json);
    }

    private void assertRefused(String expected) {
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> ShardedSafetensors.open(folder, "model"))
                .withMessageContaining(folder.toString())
                .withMessageContaining(expected)
                .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }
}
