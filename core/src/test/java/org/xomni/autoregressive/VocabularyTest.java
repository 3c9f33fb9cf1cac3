package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.Fixtures;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.text.TextTokenizer;
import tools.jackson.databind.JsonNode;

class VocabularyTest {
    private static Stream<String> fixtures() {
        return Fixtures.ALL.stream();
    }

    private static UnifiedConfig config(String fixture) {
        return UnifiedConfig.of(ConfigFile.read(Fixtures.model(fixture).resolve("config.json")));
    }

    private static UnifiedConfig withSizes(UnifiedConfig c, int vocabSize, int mmVocabSize) {
        return new UnifiedConfig(
                c.hiddenSize(), c.intermediateSize(), c.layers(), c.adapterLayers(), c.headLayers(), c.heads(), c.keyValueHeads(), c.headWidth(), vocabSize, mmVocabSize,
                c.imageVocabSize(), c.maxPositions(), c.ropeTheta(), c.rmsNormEps(), c.specialTokens());
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void imagesAreWrittenAsTheReferenceWritesThem(String fixture) {
        try (TextTokenizer text = TextTokenizer.load(Fixtures.model(fixture))) {
            Vocabulary vocabulary = new Vocabulary(config(fixture), text);
            JsonNode images = Fixtures.golden(fixture).get("images");
            int compared = 0;
            for (JsonNode image : images) {
                if (!image.has("image_str_ids")) {
                    // Not an image that the reference takes.
                    continue;
                }
                compared++;
                int[] grid = Fixtures.ints(image.get("grid"));
                ImageTokens tokens = new ImageTokens(grid[0], grid[1], Fixtures.ints(image.get("tokens")));
                assertThat(vocabulary.image(tokens)).isEqualTo(Fixtures.ints(image.get("image_str_ids")));
            }
            assertThat(compared).isGreaterThanOrEqualTo(3);
        }
    }

    /** Their embeddings would lie outside of the table, or be those of image tokens. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void idsThatTheModelHasNotAreRefused(int which) {
        UnifiedConfig config = config("tiny-en");
        try (TextTokenizer text = TextTokenizer.load(Fixtures.model("tiny-en"))) {
            int end = text.idOf("<|im_end|>");
            UnifiedConfig small = which == 0 ? withSizes(config, config.vocabSize() - 100, config.mmVocabSize()) : withSizes(config, end, text.size());
            assertThatThrownBy(() -> new Vocabulary(small, text))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining(which == 0 ? "tokenizer.json has the id " + (text.size() - 1) : "<|im_end|> has the id " + end)
                    .hasMessageContaining("use the tokenizer of this checkpoint");
        }
    }
}
