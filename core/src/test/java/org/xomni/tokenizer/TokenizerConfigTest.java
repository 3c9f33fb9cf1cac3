package org.xomni.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ObjectNode;

class TokenizerConfigTest {
    private static final Path MODEL = new Fixture("tiny-en").model();

    @TempDir
    private Path folder;

    @Test
    void readsAllValues() {
        TokenizerConfig config = TokenizerConfig.read(MODEL);
        VitConfig vit = new VitConfig(64, 3, 4, 16, 4);
        assertThat(config.encoder()).isEqualTo(new EncoderConfig(vit, "siglip.pt", "projector.pt", 64, 256, 96));
        assertThat(config.transform()).isEqualTo(new ImageTransform(true, 32, 3, 96, 288, 16));
    }

    @ParameterizedTest
    @CsvSource({"siglip2_giant_patch16_384, 1536, 40, 6144", "siglip_so400m_patch16_384, 1152, 27, 4304"})
    void knowsTheReleasedVitsByName(String name, int width, int layers, int mlpWidth) {
        VitConfig vit = VitConfig.named(name);
        assertThat(vit.width()).isEqualTo(width);
        assertThat(vit.layers()).isEqualTo(layers);
        assertThat(vit.mlpWidth()).isEqualTo(mlpWidth);
        assertThat(vit.heads()).isEqualTo(16);
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', delimiter = '|', value = {
        "encoder | codebook_size | 0 | codebook_size is 0, expected 1..1048576",
        "encoder | codebook_size | 99999999999 | vision_config.encoder.codebook_size is 99999999999, expected a whole number",
        "encoder | codebook_size | 256.5 | codebook_size is 256.5, expected a whole number",
        "encoder | codebook_size | \"many\" | codebook_size is \"many\", expected a whole number",
        "encoder | codebook_dim | -1 | codebook_dim is -1, expected 1..16384",
        "encoder | z_channels | 100 | z_channels 100 is not divisible by the 32 groups",
        "encoder | z_channels | 128 | z_channels 128 is not the ViT's width 64",
        "encoder | siglip_path | \"../siglip.pt\" | siglip_path '../siglip.pt' is not the name of a file in the model folder",
        "encoder | siglip_path | \"a/../../b.pt\" | is not the name of a file in the model folder",
        "encoder | siglip_path | \"\" | siglip_path '' is not the name of a file in the model folder",
        "encoder | siglip_path | \"a\\u0000b\" | is not the name of a file in the model folder",
        "encoder | projector_path | \"/etc/passwd\" | projector_path '/etc/passwd' is not the name of a file in the model folder",
        "encoder | siglip_config | null | 'siglip2_tiny_patch16' is not built in; use one of [siglip2_giant_patch16_384, siglip_so400m",
        "encoder | siglip_config | {} | vision_config.encoder.siglip_config.width is missing",
        "encoder.siglip_config | heads | 5 | siglip_config.width 64 is not divisible by heads 5",
        "encoder.siglip_config | mlp_ratio | 99 | siglip_config.mlp_ratio 99.0 is not above 0",
        "encoder.siglip_config | layers | 9999 | siglip_config.layers is 9999, expected 1..256",
        "encoder.siglip_config | patch_size | 14 | transform patch_size 16 is not the ViT's 14",
        "transform | patch_size | 0 | patch_size is 0, expected 1..256",
        "transform | short_size | 289 | short_size is 289, expected 16..288",
        "transform | long_size | 99999 | long_size is 99999, expected 16..8192",
        "transform | max_aspect_ratio | 0.5 | max_aspect_ratio 0.5 is not a number from 1",
        "transform | filtering | \"yes\" | filtering is \"yes\", expected true or false",
    })
    void refusesWhatCannotBe(String part, String key, String value, String message) throws IOException {
        ObjectNode config = (ObjectNode) Json.readObject(MODEL.resolve("config.json"));
        ((ObjectNode) config.at("/vision_config/" + part.replace('.', '/'))).set(key, Json.mapper().readTree(value));
        write(config);
        assertThatThrownBy(() -> TokenizerConfig.read(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(message)
                .message().doesNotContain("\n");
    }

    @Test
    void refusesAConfigWithoutTokenizer() throws IOException {
        write(Json.mapper().createObjectNode().put("model_type", "x-omni"));
        assertThatThrownBy(() -> TokenizerConfig.read(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("vision_config is missing, expected an object");
    }

    private void write(ObjectNode config) throws IOException {
        Files.write(folder.resolve("config.json"), Json.mapper().writeValueAsBytes(config));
    }
}
