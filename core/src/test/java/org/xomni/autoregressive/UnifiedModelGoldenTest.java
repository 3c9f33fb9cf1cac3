package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.Fixtures;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;
import tools.jackson.databind.JsonNode;

class UnifiedModelGoldenTest {
    static final Object[] fixtures = Fixtures.ALL.toArray();

    static UnifiedModel load(String fixture, DType dtype) {
        return load(fixture, Numerics.cpu(dtype));
    }

    static UnifiedModel load(String fixture, Numerics numerics) {
        var folder = Fixtures.model(fixture);
        var weights = ShardedSafetensors.open(folder, "model");
        var config = UnifiedConfig.of(ConfigFile.read(folder.resolve("config.json")));
        var store = ParameterStore.of(fixture, weights.tensors(), java.util.List.of(weights), numerics);
        return UnifiedModel.of(config, store);
    }

    @ParameterizedTest
    @FieldSource("fixtures")
    void wholeSequencesMatchTheReference(String fixture) {
        try (UnifiedModel model = load(fixture, DType.FLOAT32);
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "autoregressive.safetensors"));
                Scope scope = Scope.inference()) {
            Tensor ids_BL = Fixtures.tensor(golden, "mixed.ids").to(ScalarType.Long).unsqueeze(0);
            Tensor positions = Fixtures.tensor(golden, "mixed.positions").to(ScalarType.Long);

            Tensor multimodal = model.multimodal(ids_BL);
            Tensor x = model.embed(ids_BL);
            int compared = 0;
            for (TransformerBlock block : model.blocks()) {
                x = block.forward(x, multimodal, model.rope().range(0, ids_BL.size(1)), AttentionContext.wholeSequences());
                String name = "mixed.hidden." + (block.layer() + 1);
                if (golden.tensors().containsKey(name)) {
                    Fixtures.assertClose(x.squeeze(0), Fixtures.tensor(golden, name));
                    compared++;
                }
            }
            assertThat(compared).isGreaterThanOrEqualTo(3);

            Tensor hidden = model.forward(ids_BL).squeeze(0);
            Tensor chosen = hidden.index_select(0, positions);
            Fixtures.assertClose(model.logits(chosen, Head.TEXT), Fixtures.tensor(golden, "mixed.text_logits"));
            Fixtures.assertClose(model.logits(chosen, Head.IMAGE), Fixtures.tensor(golden, "mixed.image_logits"));

            int[] ids = Tensors.ints(ids_BL);
            Fixtures.assertClose(nll(model, hidden, ids, Head.TEXT), Fixtures.tensor(golden, "mixed.text_nll"));
            Fixtures.assertClose(nll(model, hidden, ids, Head.IMAGE), Fixtures.tensor(golden, "mixed.image_nll"));
        }
    }

    /** Negative log-likelihood of each next id that a head scores, in order. */
    private static Tensor nll(UnifiedModel model, Tensor hidden_LD, int[] ids, Head head) {
        float[] logp = Tensors.floats(torch.log_softmax(model.logits(hidden_LD, head), 1));
        int width = head == Head.TEXT ? model.config().vocabSize() : model.config().imageVocabSize();
        int first = head.firstId(model.config());
        float[] out = new float[ids.length];
        int n = 0;
        for (int i = 0; i + 1 < ids.length; i++) {
            int target = ids[i + 1] - first;
            if (target >= 0 && target < width) {
                out[n++] = -logp[i * width + target];
            }
        }
        return Tensors.of(Arrays.copyOf(out, n), n);
    }

    @ParameterizedTest
    @FieldSource("fixtures")
    void drawsTheReferencesTokens(String fixture) {
        try (UnifiedModel model = load(fixture, DType.FLOAT32)) {
            for (JsonNode run : Fixtures.golden(fixture).get("generate")) {
                int[] expected = Fixtures.ints(run.get("tokens"));
                Sampling sampling = new Sampling(
                        number(run, "cfg", 1), number(run, "temperature", 1), 50, number(run, "top_p", 1), number(run, "min_p", 0.03));
                try (Batch batch = new Batch(model, 2, 512)) {
                    Sequence row = batch.join(new Batch.Request(
                            Fixtures.ints(run.get("prompt_ids")),
                            Fixtures.ints(run.get("negative_ids")),
                            Head.IMAGE,
                            sampling,
                            run.get("seed").longValue(),
                            Set.of(),
                            Set.of(),
                            expected.length,
                            id -> {}));
                    while (batch.step()) {}
                    int[] codes = Arrays.stream(row.drawn()).map(id -> id - model.config().vocabSize()).toArray();
                    assertThat(codes).containsExactly(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("fixtures")
    void chatsTheReferencesTokens(String fixture) {
        try (UnifiedModel model = load(fixture, DType.FLOAT32)) {
            for (JsonNode run : Fixtures.golden(fixture).get("chat")) {
                try (Batch batch = new Batch(model, 1, 512)) {
                    Sequence row = batch.join(new Batch.Request(
                            Fixtures.ints(run.get("input_ids")),
                            null,
                            Head.TEXT,
                            Sampling.GREEDY,
                            0,
                            Set.of(),
                            Set.of(511),
                            run.get("max_new_tokens").intValue(),
                            id -> {}));
                    while (batch.step()) {}
                    assertThat(row.drawn()).containsExactly(Fixtures.ints(run.get("output_ids")));
                }
            }
        }
    }

    private static double number(JsonNode run, String key, double otherwise) {
        return run.hasNonNull(key) ? run.get(key).doubleValue() : otherwise;
    }
}
