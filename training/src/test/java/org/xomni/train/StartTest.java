package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsWorld;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.Vae;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.TokenizerConfig;

/** Stages that go on from weights of another model. */
class StartTest {
    @TempDir
    Path folder;

    private Path model = Path.of("");

    @BeforeEach
    void checkpoint() {
        model = TinyCheckpoint.withFrozenParts(folder).resolve("model");
    }

    @Test
    void tokenizerStartsFromAViT() {
        try (Stage stage = tokenizer(TinyCheckpoint.GRID); TorchArchive stored = TorchArchive.open(model.resolve("siglip.pt"))) {
            Map<String, Tensor> parameters = stage.groups().getFirst().parameters();
            assertThat(parameters).hasSameSizeAs(stored.tensors());
            stored.tensors().forEach((name, tensor) ->
                    assertThat(Tensors.floats(Objects.requireNonNull(parameters.get("vit/" + name)))).isEqualTo(floats(tensor)));
        }
    }

    @Test
    void positionsOfAnotherGridAreRefused() {
        assertThatThrownBy(() -> tokenizer(TinyCheckpoint.GRID + 1))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("pos_embed has shape [1, 36, 32], expected [1, 49, 32]");
    }

    @Test
    void decoderStartsFromATransformerWithText() throws Exception {
        ConfigFile json = ConfigFile.read(model.resolve("decoder/config.json"));
        Path flux = Files.createDirectories(folder.resolve("flux-transformer"));
        try (ParameterStore store = ParameterStore.random(4, 0.1, TinyCheckpoint.FP32);
                FluxTransformer full = new FluxTransformer(DecoderConfig.of(json), Conditioning.Kind.TEXT_AND_TOKENS, store)) {
            List<StoredTensor> stored = new ArrayList<>();
            full.parameters().parameters().forEach((name, tensor) -> stored.add(Tensors.stored(name, tensor)));
            ShardedSafetensors.write(flux, "diffusion_pytorch_model", stored, Long.MAX_VALUE);
        }
        SampleSource signs = TinyCheckpoint.signs(SignsWorld.Tasks.GENERATION, 1);
        try (Stage stage = new DecoderStage(json, flux, ImageTokenizer.load(model, TinyCheckpoint.FP32),
                        Vae.load(folder.resolve("flux/vae"), TinyCheckpoint.FP32), new DecoderStage.Settings(1, 0, 0), 7,
                        TinyCheckpoint.FP32, signs, 1);
                ShardedSafetensors stored = ShardedSafetensors.open(flux, "diffusion_pytorch_model")) {
            Map<String, Tensor> parameters = stage.groups().getFirst().parameters();
            List<String> fresh = parameters.keySet().stream()
                    .filter(name -> !stored.tensors().containsKey(name.substring("decoder/".length())))
                    .toList();
            assertThat(fresh).containsExactly("decoder/pooled_embeds");
            parameters.forEach((name, tensor) -> {
                if (!fresh.contains(name)) {
                    assertThat(Tensors.floats(tensor)).isEqualTo(floats(stored.tensor(name.substring("decoder/".length()))));
                }
            });
        }
    }

    private Stage tokenizer(int grid) {
        var settings = new TokenizerStage.Settings(1, grid, 2, 0, 1, 0, 0, 1, 1, 0, 1, 1, TokenizerStage.Back.TRAINED, new AlignmentModel.Settings(16, 1, 2));
        return new TokenizerStage(
                TokenizerConfig.read(model), TextTokenizer.load(model), model.resolve("siglip.pt"), settings, 7, TinyCheckpoint.FP32,
                TinyCheckpoint.signs(SignsWorld.Tasks.UNDERSTANDING, 1), 1);
    }

    private static float[] floats(StoredTensor tensor) {
        try (Scope scope = Scope.plain()) {
            return Tensors.floats(Tensors.over(tensor));
        }
    }
}
