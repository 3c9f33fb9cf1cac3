package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.ParameterStore;

/** The recipes of the paper's size, without their weights and data. */
class XOmniRecipesTest {
    private static final Path RECIPES = Path.of(System.getProperty("xomni.root"), "recipes", "x-omni");
    /** What Qwen2.5-7B is said to have, and one of its blocks by hand. */
    private static final long QWEN = 7_615_616_512L;
    private static final long BLOCK = 2L * 3584 * 3584 + 3584 + 2L * (3584 * 512 + 512) + 3L * 3584 * 18_944 + 2 * 3584;
    private static final long IMAGE_SIDE = 2L * 16_448 * 3584 + 3584;

    @ParameterizedTest
    @CsvSource({
        "tokenizer, tokenizer.yaml",
        "decoder, decoder.yaml",
        "pretrain, pretrain-1.yaml",
        "pretrain, pretrain-2.yaml",
        "pretrain, pretrain-3.yaml",
        "sft, sft.yaml"
    })
    void fitsTogether(String stage, String recipe) {
        DryRun dry = dry(stage, recipe);

        assertThat(dry.problems()).isEmpty();
        assertThat(dry.missing()).as("data and weights are not here").isNotEmpty().noneMatch(m -> m.contains("config.json"));
    }

    @Test
    void isTheUnifiedModelOfThePaper() {
        Part first = dry("pretrain", "pretrain-1.yaml").parts().getFirst();
        Part second = dry("pretrain", "pretrain-2.yaml").parts().getFirst();

        assertThat(first.parameters()).isEqualTo(QWEN + 8 * BLOCK + IMAGE_SIDE);
        assertThat(first.trained()).isEqualTo(8 * BLOCK + IMAGE_SIDE);
        assertThat(second.trained()).isEqualTo(first.parameters());
    }

    @Test
    void trainsAsManyTokensAsThePaper() {
        assertThat(tokens("pretrain", "pretrain-1.yaml")).isBetween(41.5e9, 42.5e9);
        assertThat(tokens("pretrain", "pretrain-2.yaml")).isBetween(628e9, 630e9);
        assertThat(tokens("pretrain", "pretrain-3.yaml")).isBetween(41.5e9, 42.5e9);
        assertThat(tokens("sft", "sft.yaml")).isBetween(1.49e9, 1.51e9);
    }

    @Test
    void drawsWithFlux() {
        DryRun dry = dry("decoder", "decoder.yaml");

        assertThat(part(dry, "autoencoder").parameters()).as("FLUX's autoencoder").isEqualTo(83_819_683);
        assertThat(part(dry, "autoencoder").trained()).isZero();
        assertThat(part(dry, "decoder").trained()).as("without FLUX's text stream").isEqualTo(8_485_779_520L);
        DecoderConfig config = DecoderConfig.of(ConfigFile.read(RECIPES.resolve("checkpoint/model/decoder/config.json")));
        try (ParameterStore shapes = ParameterStore.shapes(TinyCheckpoint.FP32);
                FluxTransformer flux = new FluxTransformer(config, Conditioning.Kind.TEXT_AND_TOKENS, shapes)) {
            assertThat(flux.parameters().count()).as("FLUX.1-dev and a layer for token features").isEqualTo(11_901_408_320L + 3072 * 1536);
        }
    }

    private static Part part(DryRun dry, String name) {
        return Objects.requireNonNull(dry.parts().stream().filter(p -> p.name().equals(name)).findFirst().orElse(null));
    }

    private static double tokens(String stage, String recipe) {
        DryRun dry = dry(stage, recipe);
        return (double) dry.amountPerStep() * dry.loop().steps();
    }

    private static DryRun dry(String stage, String recipe) {
        return DryRun.of(stage, RECIPES.resolve(recipe));
    }
}
