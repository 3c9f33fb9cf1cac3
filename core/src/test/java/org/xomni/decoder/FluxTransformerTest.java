package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.pytorch.global.torch.ones;

import java.util.List;
import java.util.Set;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.Fixtures;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class FluxTransformerTest {
    static final Iterable<String> FIXTURES = Fixtures.ALL;
    /** The grid of the goldens' {@code img_ids}. */
    private static final int HEIGHT = 5;
    private static final int WIDTH = 4;

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void velocityIsTheReferences(String fixture) {
        try (Scope scope = Scope.inference();
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "decoder.safetensors"));
                FluxTransformer transformer = load(fixture, Numerics.cpu(DType.FLOAT32))) {
            Fixtures.assertClose(forward(transformer, golden), Fixtures.tensor(golden, "transformer.output"));
        }
    }

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void bfloat16AndInt8AreClose(String fixture) {
        for (Numerics numerics : new Numerics[] {
            new Numerics(DType.BFLOAT16, DType.BFLOAT16, Quantization.NONE, "cpu"), Numerics.on("cpu", DType.FLOAT32, Quantization.INT8)
        }) {
            try (Scope scope = Scope.inference();
                    SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "decoder.safetensors"));
                    FluxTransformer transformer = load(fixture, numerics)) {
                Fixtures.assertClose(forward(transformer, golden), Fixtures.tensor(golden, "transformer.output"), 0.05);
            }
        }
    }

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void aForwardLeavesNoTensorsBehind(String fixture) {
        try (SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "decoder.safetensors"));
                FluxTransformer transformer = load(fixture, Numerics.cpu(DType.FLOAT32))) {
            forwardOnce(transformer, golden);
            long before = Pointer.totalCount();
            for (int i = 0; i < 5; i++) {
                forwardOnce(transformer, golden);
            }
            assertThat(Pointer.totalCount()).isEqualTo(before);
        }
    }

    @Test
    void theKindOfConditioningIsReadFromTheWeights() {
        try (FluxTransformer en = load("tiny-en", Numerics.cpu(DType.FLOAT32));
                FluxTransformer zh = load("tiny-zh", Numerics.cpu(DType.FLOAT32))) {
            assertThat(en.kind()).isEqualTo(Conditioning.Kind.TEXT_AND_TOKENS);
            assertThat(zh.kind()).isEqualTo(Conditioning.Kind.TOKENS_ONLY);
            assertThat(en.parameters().unknown()).isEmpty();
            assertThat(zh.parameters().unknown()).isEmpty();
        }
        assertThatThrownBy(() -> Conditioning.Kind.of(Set.of("x_embedder.weight")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("pooled_embeds");
    }

    @Test
    void allMisshapenParametersAreReportedTogether() {
        try (SafetensorsFile file =
                SafetensorsFile.open(Fixtures.model("tiny-en").resolve("decoder/diffusion_pytorch_model.safetensors"))) {
            DecoderConfig other = new DecoderConfig(16, 4, List.of(4, 6, 6), 16, 2, 3, 40, 24, 48, true);
            ParameterStore store = ParameterStore.dry("decoder", file.tensors(), Numerics.cpu(DType.FLOAT32));
            assertThatThrownBy(() -> new FluxTransformer(other, Conditioning.Kind.TEXT_AND_TOKENS, store))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("context_embedder.weight has shape [64, 32], expected [64, 40]")
                    .hasMessageContaining("siglip_embed.weight has shape [64, 64], expected [64, 48]");
        }
    }

    private static FluxTransformer load(String fixture, Numerics numerics) {
        return FluxTransformer.load(Fixtures.model(fixture).resolve("decoder"), numerics);
    }

    private static void forwardOnce(FluxTransformer transformer, SafetensorsFile golden) {
        try (Scope scope = Scope.inference()) {
            assertThat(Tensors.shape(forward(transformer, golden))).hasSize(3);
        }
    }

    private static Tensor forward(FluxTransformer transformer, SafetensorsFile golden) {
        Tensor tokens = Fixtures.tensor(golden, "transformer.siglip");
        Conditioning conditioning = switch (transformer.kind()) {
            case TOKENS_ONLY -> new Conditioning.TokensOnly(tokens);
            case TEXT_AND_TOKENS -> new Conditioning.TextAndTokens(
                    tokens, Fixtures.tensor(golden, "transformer.encoder_hidden_states"), Fixtures.tensor(golden, "transformer.pooled"));
        };
        int text = conditioning instanceof Conditioning.TextAndTokens t ? (int) t.text().size(1) : 0;
        Tensor x = Fixtures.tensor(golden, "transformer.hidden_states");
        return transformer.forward(
                x, Fixtures.tensor(golden, "transformer.timestep"), ones(x.size(0)), conditioning, transformer.rope(text, HEIGHT, WIDTH));
    }
}
