package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.Fixtures;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import tools.jackson.databind.JsonNode;

class PromptEncoderTest {
    private static final Path FLUX = Fixtures.flux("tiny-en");
    private static final Numerics NUMERICS = Numerics.cpu(DType.FLOAT32);

    @Test
    void encodingsAreTheReferences() {
        JsonNode prompts = Fixtures.golden("tiny-en").path("prompts");
        try (SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden("tiny-en", "decoder.safetensors"));
                PromptEncoder encoder = PromptEncoder.load(FLUX, NUMERICS)) {
            for (int i = 0; i < prompts.size(); i++) {
                try (Scope scope = Scope.inference()) {
                    PromptEncoder.Encoding encoding = encoder.encode(prompts.path(i).path("prompt").stringValue());
                    Tensor vectors = encoding.text().squeeze(0);

                    Fixtures.assertClose(encoding.pooled().squeeze(0), Fixtures.tensor(golden, "prompt." + i + ".pooled"));
                    Tensor first = Fixtures.tensor(golden, "prompt." + i + ".t5_first");
                    Fixtures.assertClose(vectors.narrow(0, 0, first.size(0)), first);
                    Fixtures.assertClose(vectors.narrow(0, vectors.size(0) - 2, 2), Fixtures.tensor(golden, "prompt." + i + ".t5_last"));
                }
            }
        }
    }

    @Test
    void clipPoolsTheFirstEndTokenWhereTheConfigNamesIt() {
        ClipConfig legacy = ClipConfig.of(ConfigFile.read(FLUX.resolve("text_encoder/config.json")));
        ClipConfig modern = new ClipConfig(
                legacy.vocabSize(),
                legacy.hiddenSize(),
                legacy.intermediateSize(),
                legacy.numHiddenLayers(),
                legacy.numAttentionHeads(),
                legacy.maxPositionEmbeddings(),
                legacy.hiddenAct(),
                legacy.layerNormEps(),
                7);
        try (Scope scope = Scope.inference();
                ClipTextEncoder byLargest = clip(legacy);
                ClipTextEncoder byName = clip(modern)) {
            float[] atSeven = Tensors.floats(byName.pooled(5, 900, 7, 800, 7));

            // What comes after the pooled position cannot be seen from it.
            assertThat(atSeven).containsExactly(Tensors.floats(byName.pooled(5, 900, 7, 1, 1)), within(1e-6f));
            assertThat(Tensors.floats(byLargest.pooled(5, 900, 7, 800, 7)))
                    .containsExactly(Tensors.floats(byLargest.pooled(5, 900, 2, 2, 2)), within(1e-6f))
                    .isNotEqualTo(atSeven);
        }
    }

    @Test
    void idsOutsideOfTheVocabularyAreRefused() {
        try (Scope scope = Scope.inference();
                PromptEncoder encoder = PromptEncoder.load(FLUX, NUMERICS)) {
            assertThatThrownBy(() -> encoder.clip().pooled(0, 1143)).isInstanceOf(InputException.class).hasMessageContaining("1143");
            assertThatThrownBy(() -> encoder.t5().encode(-1)).isInstanceOf(InputException.class).hasMessageContaining("-1");
            assertThatThrownBy(() -> encoder.t5().encode()).isInstanceOf(InputException.class).hasMessageContaining("0 ids");
            assertThatThrownBy(() -> encoder.clip().pooled(new int[78])).isInstanceOf(InputException.class).hasMessageContaining("78 ids");
        }
    }

    private static ClipTextEncoder clip(ClipConfig config) {
        SafetensorsFile file = SafetensorsFile.open(FLUX.resolve("text_encoder/model.safetensors"));
        return new ClipTextEncoder(config, ParameterStore.of("text_encoder", file.tensors(), List.of(file), NUMERICS));
    }
}
