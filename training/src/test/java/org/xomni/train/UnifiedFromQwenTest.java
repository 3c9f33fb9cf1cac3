package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.Checkpoint;
import org.xomni.Inspection;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.text.TextTokenizer;
import tools.jackson.databind.node.ObjectNode;

class UnifiedFromQwenTest {
    private static final Path FIXTURE = Path.of(System.getProperty("xomni.fixtures"), "tiny-en");
    private static final int VOCABULARY = 520;
    private static final int LAYERS = 2;
    private static final int CODES = 40;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"true, BFloat16, 1e-5", "false, BFloat16, 1e-5", "false, Float, 6e-2", "true, Half, 6e-2"})
    void scoresTextAsQwenDoes(boolean tied, ScalarType type, double tolerance) throws IOException {
        Path qwen = qwen(tied, type);
        init(qwen, null, null).write(folder.resolve("out"));

        Path model = folder.resolve("out/model");
        int[] ids = {3, 77, 511, 20, 20, 4, 300};
        UnifiedConfig plain = new UnifiedConfig(32, 48, LAYERS, 0, 0, 4, 2, 8, VOCABULARY, 1, 1, 64, 10_000, 1e-6, List.of("b", "e", "h"));
        float[] expected;
        float[] actual;
        try (ShardedSafetensors weights = ShardedSafetensors.open(qwen, "model")) {
            expected = scores(plain, asUnified(weights.tensors()), ids);
        }
        try (ShardedSafetensors weights = ShardedSafetensors.open(model, "model")) {
            assertThat(weights.tensors().values()).allSatisfy(t -> assertThat(t.dtype().safetensorsName()).isEqualTo("BF16"));
            actual = scores(UnifiedConfig.of(ConfigFile.read(model.resolve("config.json"))), weights.tensors(), ids);
        }
        assertThat(actual).hasSameSizeAs(expected);
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], org.assertj.core.data.Offset.offset((float) tolerance));
            largest = Math.max(largest, Math.abs(expected[i]));
        }
        assertThat(largest).as("scores that tell something").isGreaterThan(1);
    }

    @Test
    void isACheckpoint() throws IOException {
        init(qwen(false, ScalarType.BFloat16), null, null).write(folder.resolve("out"));

        Checkpoint read = Checkpoint.read(folder.resolve("out/model"), null);
        assertThat(read.unified().layers()).isEqualTo(LAYERS + 3);
        assertThat(read.unified().imageVocabSize()).isEqualTo(CODES);
        assertThat(read.tokenizer().encoder().codebookSize()).isEqualTo(CODES);
        List<Inspection.Part> parts = Inspection.of(folder.resolve("out/model"), null);
        assertThat(parts.get(0).problems()).isEmpty();
        assertThat(parts.get(0).unknown()).isEmpty();
        assertThat(parts.get(1).problems()).isEmpty();
    }

    @Test
    void readsTextAsBeforeAndHasTokensForImages() throws IOException {
        Path qwen = qwen(false, ScalarType.BFloat16);
        init(qwen, null, null).write(folder.resolve("out"));

        try (TextTokenizer before = TextTokenizer.load(qwen); TextTokenizer after = TextTokenizer.load(folder.resolve("out/model"))) {
            String text = "Draw a red sign: <SOM>4 4<IMAGE> is only text. 你好";
            assertThat(after.encode(text)).isEqualTo(before.encode(text));
            assertThat(after.idOf("<|im_end|>")).isEqualTo(before.idOf("<|im_end|>"));
            assertThat(after.idOf("<MM-Token-0>")).isEqualTo(VOCABULARY);
            assertThat(after.idOf("<MM-Token-39>")).isEqualTo(VOCABULARY + 39);
            assertThat(List.of(after.idOf("<SOM>"), after.idOf("<EOM>"), after.idOf("<IMAGE>")))
                    .containsExactly(VOCABULARY + CODES, VOCABULARY + CODES + 1, VOCABULARY + CODES + 2);
        }
        // Hugging Face's library numbers added tokens one after the other.
        var added = Json.readObject(folder.resolve("out/model/tokenizer.json")).path("added_tokens");
        for (int i = 0; i < added.size(); i++) {
            assertThat(added.path(i).path("id").intValue()).isEqualTo(509 + i);
        }
    }

    @Test
    void freshParametersComeFromTheSeed() throws IOException {
        Path qwen = qwen(false, ScalarType.BFloat16);
        init(qwen, null, null).write(folder.resolve("a"));
        init(qwen, null, null).write(folder.resolve("b"));
        new UnifiedFromQwen(qwen, null, null, CODES, 1, 2, 8).write(folder.resolve("c"));

        assertThat(folder.resolve("b/model/model.safetensors")).hasSameBinaryContentAs(folder.resolve("a/model/model.safetensors"));
        try (ShardedSafetensors a = ShardedSafetensors.open(folder.resolve("a/model"), "model");
                ShardedSafetensors c = ShardedSafetensors.open(folder.resolve("c/model"), "model")) {
            String[] fresh = {
                "model.mm_embed_tokens.weight", "mm_head.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.4.mlp.up_proj.weight"
            };
            for (String name : fresh) {
                float[] one = floats(a.tensor(name));
                assertThat(one).isNotEqualTo(floats(c.tensor(name)));
                assertThat(deviation(one)).isBetween(0.017, 0.023);
            }
            assertThat(floats(a.tensor("model.mm_norm.weight"))).containsOnly(1f);
            assertThat(floats(a.tensor("model.layers.3.self_attn.q_proj.bias"))).containsOnly(0f);
            String qwens = "model.layers.1.mlp.up_proj.weight";
            assertThat(floats(c.tensor(qwens))).isEqualTo(floats(a.tensor(qwens)));
        }
    }

    @Test
    void takesOverViTAndFlux() throws IOException {
        Path flux = fluxWithTransformer();
        Vit vit = Vit.read(FIXTURE.resolve("model/siglip.pt"), 4);
        init(qwen(false, ScalarType.BFloat16), vit, flux).write(folder.resolve("out"));

        Map<String, Inspection.Part> parts = new LinkedHashMap<>();
        Inspection.of(folder.resolve("out/model"), null).forEach(p -> parts.put(p.name(), p));
        List<String> problems = parts.values().stream().flatMap(p -> p.problems().stream()).toList();
        assertThat(problems).as("only the quantiser is still to be trained").singleElement().asString().contains("projector.pt");
        assertThat(Objects.requireNonNull(parts.get("decoder, diffusion transformer")).parameters()).isPositive();
        assertThat(parts).containsKey("decoder, T5");
        assertThat(folder.resolve("out/model/siglip.pt")).hasSameBinaryContentAs(FIXTURE.resolve("model/siglip.pt"));
        try (ShardedSafetensors decoder = ShardedSafetensors.open(folder.resolve("out/model/decoder"), "diffusion_pytorch_model")) {
            assertThat(floats(decoder.tensor("siglip_embed.weight"))).hasSize(64 * 64).containsOnly(0f);
        }
    }

    @Test
    void badInputLeavesNothing() throws IOException {
        Path qwen = qwen(true, ScalarType.BFloat16);
        Path config = qwen.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
        assertThatThrownBy(() -> init(qwen, null, null).write(folder.resolve("out")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("missing model.layers.2.self_attn.q_proj.weight");
        Files.writeString(config, Files.readString(config).replace("qwen2", "llama"));
        assertThatThrownBy(() -> init(qwen, null, null).write(folder.resolve("out")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("model_type is 'llama', expected 'qwen2'");
        assertThatThrownBy(() -> Vit.read(FIXTURE.resolve("model/siglip.pt"), 0)).hasMessageContaining("--siglip-heads");
        assertThatThrownBy(() -> Vit.read(FIXTURE.resolve("model/projector.pt"), 4)).hasMessageContaining("has no patch_embed.proj.weight");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(qwen);
        }
    }

    private static UnifiedFromQwen init(Path qwen, @Nullable Vit vit, @Nullable Path flux) {
        return new UnifiedFromQwen(qwen, vit, flux, CODES, 1, 2, 7);
    }

    /** A Qwen2.5 of two layers, in two shards. */
    private Path qwen(boolean tied, ScalarType type) throws IOException {
        Path qwen = Files.createDirectories(folder.resolve("qwen"));
        Files.writeString(qwen.resolve("config.json"), """
                {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "hidden_size": 32,
                 "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": %d,
                 "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": %s,
                 "use_sliding_window": false, "torch_dtype": "bfloat16"}
                """.formatted(VOCABULARY, tied));
        ObjectNode tokenizer = (ObjectNode) Json.readObject(FIXTURE.resolve("model/tokenizer.json")).deepCopy();
        var added = (tools.jackson.databind.node.ArrayNode) tokenizer.path("added_tokens");
        while (added.size() > 3) {
            var unused = added.remove(added.size() - 1);
        }
        Files.writeString(qwen.resolve("tokenizer.json"), tokenizer.toString());
        Files.copy(FIXTURE.resolve("model/tokenizer_config.json"), qwen.resolve("tokenizer_config.json"));
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new long[] {VOCABULARY, 32});
        for (int i = 0; i < LAYERS; i++) {
            String layer = "model.layers." + i + ".";
            shapes.put(layer + "input_layernorm.weight", new long[] {32});
            shapes.put(layer + "self_attn.q_proj.weight", new long[] {32, 32});
            shapes.put(layer + "self_attn.q_proj.bias", new long[] {32});
            shapes.put(layer + "self_attn.k_proj.weight", new long[] {16, 32});
            shapes.put(layer + "self_attn.k_proj.bias", new long[] {16});
            shapes.put(layer + "self_attn.v_proj.weight", new long[] {16, 32});
            shapes.put(layer + "self_attn.v_proj.bias", new long[] {16});
            shapes.put(layer + "self_attn.o_proj.weight", new long[] {32, 32});
            shapes.put(layer + "post_attention_layernorm.weight", new long[] {32});
            shapes.put(layer + "mlp.gate_proj.weight", new long[] {48, 32});
            shapes.put(layer + "mlp.up_proj.weight", new long[] {48, 32});
            shapes.put(layer + "mlp.down_proj.weight", new long[] {32, 48});
        }
        shapes.put("model.norm.weight", new long[] {32});
        if (!tied) {
            shapes.put("lm_head.weight", new long[] {VOCABULARY, 32});
        }
        try (Scope scope = Scope.plain()) {
            var values = Initial.scaled(3, 0.15, (name, fanIn) -> 1);
            List<StoredTensor> stored = shapes.entrySet().stream()
                    .map(e -> Tensors.stored(e.getKey(), values.make(e.getKey(), e.getValue()).to(type)))
                    .toList();
            ShardedSafetensors.write(qwen, "model", stored, 60_000);
        }
        assertThat(qwen.resolve("model.safetensors.index.json")).exists();
        return qwen;
    }

    /** Qwen's own weights in the names of a unified model without vision-specific blocks. */
    private static Map<String, StoredTensor> asUnified(Map<String, StoredTensor> own) {
        Map<String, StoredTensor> renamed = new LinkedHashMap<>(own);
        StoredTensor embedding = Objects.requireNonNull(renamed.remove("model.embed_tokens.weight"));
        StoredTensor norm = Objects.requireNonNull(renamed.remove("model.norm.weight"));
        renamed.put("model.lm_embed_tokens.weight", embedding);
        renamed.put("model.lm_norm.weight", norm);
        renamed.putIfAbsent("lm_head.weight", embedding);
        StoredTensor none = new StoredTensor(
                "none", embedding.dtype(), new long[] {1, 32}, embedding.bytes().asSlice(0, 32L * embedding.dtype().bytes()));
        renamed.put("model.mm_embed_tokens.weight", none);
        renamed.put("mm_head.weight", none);
        renamed.put("model.mm_norm.weight", norm);
        return renamed;
    }

    private static float[] scores(UnifiedConfig config, Map<String, StoredTensor> weights, int[] ids) {
        try (UnifiedModel model = UnifiedModel.of(config, ParameterStore.of("weights", weights, List.of(), TinyCheckpoint.FP32));
                Scope scope = Scope.inference()) {
            Tensor hidden = model.forward(Tensors.ids(ids).to(ScalarType.Long).unsqueeze(0));
            return Tensors.floats(model.logits(hidden, Head.TEXT));
        }
    }

    private Path fluxWithTransformer() throws IOException {
        Path flux = folder.resolve("flux-pipeline");
        try (Stream<Path> files = Files.walk(FIXTURE.resolve("flux"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = flux.resolve(FIXTURE.resolve("flux").relativize(file));
                Files.createDirectories(Objects.requireNonNull(copy.getParent()));
                Files.copy(file, copy);
            }
        }
        Files.writeString(flux.resolve("flux1-dev.safetensors"), "a second copy of all weights, not needed");
        Path transformer = Files.createDirectories(flux.resolve("transformer"));
        ObjectNode config = (ObjectNode) Json.readObject(FIXTURE.resolve("model/decoder/config.json")).deepCopy();
        config.put("_class_name", "FluxTransformer2DModel").remove(List.of("siglip_channels", "drop_token_prob"));
        Files.writeString(transformer.resolve("config.json"), config.toString());
        try (ShardedSafetensors decoder = ShardedSafetensors.open(FIXTURE.resolve("model/decoder"), "diffusion_pytorch_model")) {
            ShardedSafetensors.write(transformer, "diffusion_pytorch_model",
                    decoder.tensors().values().stream().filter(t -> !t.name().equals("siglip_embed.weight")).toList(), Long.MAX_VALUE);
        }
        return flux;
    }

    private static float[] floats(StoredTensor tensor) {
        try (Scope scope = Scope.plain()) {
            return Tensors.floats(Tensors.over(tensor));
        }
    }

    private static double deviation(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum / values.length);
    }
}
