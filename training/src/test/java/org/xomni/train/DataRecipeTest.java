package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.TokenShardsWriter;
import org.xomni.data.TokenizerFingerprint;
import org.xomni.data.WebDatasetWriter;
import org.xomni.data.signs.SignsWorld;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.ImageTransform;

class DataRecipeTest {
    /** Signs of 96 x 96 become 64 x 64. */
    private static final ImageTransform TRANSFORM = new ImageTransform(true, 32, 3, 32, 64, 16);
    private static final SampleSource SIGNS = TinyCheckpoint.signs(SignsWorld.Tasks.GENERATION, 6);

    @TempDir
    Path folder;

    @BeforeEach
    void write() {
        WebDatasetWriter.write(folder.resolve("tars"), SIGNS, 6, 3, Map.of(), 1, done -> {});
    }

    @Test
    void readsShardsByPatternByFolderAndByName() throws Exception {
        assertThat(prompts("{kind: webdataset, path: tars/*.tar, seed: 1}", 6)).isEqualTo(expected(0, 6));
        assertThat(prompts("{kind: webdataset, path: tars, seed: 1}", 6)).isEqualTo(expected(0, 6));
        assertThat(prompts("{kind: webdataset, path: 'tars/000001.*', seed: 1}", 3)).isEqualTo(expected(3, 6));
    }

    @Test
    void readsCaptionsBesideImages() throws Exception {
        Files.createDirectories(folder.resolve("images"));
        try (SampleSource source = open("{kind: webdataset, path: tars, seed: 1}")) {
            Sample.Generation sample = (Sample.Generation) source.sample(0);
            var pixels = ((Picture.Raw) sample.picture()).pixels();
            Files.write(folder.resolve("images/a.png"), PngWriter.encode(pixels, Map.of()));
            Files.writeString(folder.resolve("a.jsonl"), "{\"image\": \"a.png\", \"text\": \"a sign\"}\n");
        }
        assertThat(prompts("{kind: jsonl, path: a.jsonl, images: images, seed: 1}", 1)).containsExactly("a sign");
    }

    @Test
    void readsTokens() throws Exception {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("tiny"));
        try (ImageTokenizer tokenizer = ImageTokenizer.load(checkpoint.resolve("model"), TinyCheckpoint.FP32)) {
            new TokenShardsWriter(tokenizer, 4, 1).write(folder.resolve("tokens"), SIGNS, 6, 6, Map.of(), done -> {});
        }
        try (SampleSource source = open("{kind: tokens, path: tokens, seed: 1}")) {
            assertThat(source.sample(0).pictures()).singleElement().isInstanceOf(Picture.Tokenised.class);
        }
        assertThat(prompts("{kind: tokens, path: tokens, seed: 1}", 6)).isEqualTo(expected(0, 6));
    }

    @Test
    void picturesHaveTheCheckpointsSize() throws Exception {
        try (SampleSource source = open("{kind: webdataset, path: tars, seed: 1}")) {
            Pixels pixels = ((Picture.Raw) source.sample(0).pictures().getFirst()).pixels();
            assertThat(List.of(pixels.height(), pixels.width())).containsExactly(64, 64);
        }
    }

    @Test
    void filtersBeforeResizing() throws Exception {
        String filters = "{min-short-side: 97, max-aspect-ratio: 3, max-pixels: 100_000}";
        try (SampleSource source = open("{kind: webdataset, path: tars, seed: 1, filters: " + filters + "}")) {
            assertThatThrownBy(() -> source.sample(0))
                    .isInstanceOf(BrokenSample.class)
                    .hasMessageContaining("96x96")
                    .hasMessageContaining("below 97");
        }
    }

    @Test
    void signsAreOfTheSplitThatIsAskedFor() throws Exception {
        String signs = "{kind: signs, seed: 1, tasks: {generation: 1}, sizes: [96x96], split: %s}";
        try (SampleSource source = open(signs.formatted("practice"))) {
            assertThat(source.sample(0).key()).isEqualTo("signs/1/practice/0");
        }
        assertThat(read(signs.formatted("train")).isHeldOut()).isFalse();
        assertThat(read("{kind: mixture, seed: 1, parts: [{weight: 1, source: " + signs.formatted("held-out") + "}]}").isHeldOut()).isTrue();
    }

    @Test
    void mixesByWeight() throws Exception {
        String mixture = """
                {kind: mixture, seed: 1, parts: [
                  {weight: 3, source: {kind: webdataset, path: tars/000000.tar, seed: 1}},
                  {weight: 1, source: {kind: webdataset, path: tars/000001.tar, seed: 1}}]}
                """;
        Set<String> first = expected(0, 3);
        int fromFirst = 0;
        try (SampleSource source = open(mixture)) {
            for (int i = 0; i < 400; i++) {
                fromFirst += first.contains(((Sample.Generation) source.sample(i)).prompt()) ? 1 : 0;
            }
        }
        assertThat(fromFirst).isBetween(270, 330);
    }

    @Test
    void saysWhatIsMissing() throws Exception {
        String mixture = "{kind: mixture, seed: 1, parts: [{weight: 1, source: {kind: webdataset, path: tars/*.tar, seed: 1}}, "
                + "{weight: 1, source: {kind: webdataset, path: none/*.tar, seed: 1}}, "
                + "{weight: 1, source: {kind: tokens, path: nothing, seed: 1}}]}";
        assertThat(read(mixture).missing(folder))
                .containsExactly(folder.resolve("none/*.tar").toString(), folder.resolve("nothing").toString());
        assertThatThrownBy(() -> open("{kind: webdataset, path: none/*.tar, seed: 1}"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no file fits");
    }

    private record Data(DataRecipe data) {}

    private DataRecipe read(String yaml) throws IOException {
        Path file = Files.writeString(folder.resolve("recipe.yaml"), "data: " + yaml.strip().replace("\n", " ") + "\n");
        return RecipeFile.read(file, Data.class).recipe().data();
    }

    private SampleSource open(String yaml) throws IOException {
        return read(yaml).open(folder, TRANSFORM);
    }

    private Set<String> prompts(String yaml, int epoch) throws Exception {
        Set<String> prompts = new HashSet<>();
        try (SampleSource source = open(yaml)) {
            for (int i = 0; i < epoch; i++) {
                prompts.add(((Sample.Generation) source.sample(i)).prompt());
            }
        }
        return prompts;
    }

    private static Set<String> expected(int from, int to) throws BrokenSample {
        Set<String> prompts = new HashSet<>();
        for (int i = from; i < to; i++) {
            prompts.add(((Sample.Generation) SIGNS.sample(i)).prompt());
        }
        return prompts;
    }

    @Test
    void captionsDescribeIfAskedTo() throws Exception {
        try (SampleSource source = open("{kind: webdataset, path: tars, seed: 1, captions: describe}");
                SampleSource drawn = open("{kind: webdataset, path: tars, seed: 1}")) {
            Sample.Dialogue dialogue = (Sample.Dialogue) source.sample(0);
            Sample.Generation generation = (Sample.Generation) drawn.sample(0);
            assertThat(dialogue.turns()).extracting(Sample.Turn::role).containsExactly(Sample.Role.USER, Sample.Role.ASSISTANT);
            assertThat(dialogue.turns().getFirst().parts()).last().isEqualTo(new Sample.Part.Said("\nDescribe this image in detail."));
            assertThat(dialogue.turns().getLast().parts()).containsExactly(new Sample.Part.Said(generation.prompt()));
            assertThat(dialogue.pictures()).hasSize(1);
        }
    }

    @Test
    void tokensOfAnotherTokenizerAreRefused() throws Exception {
        Path mine = TinyCheckpoint.withFrozenParts(folder.resolve("mine")).resolve("model");
        Path other = TinyCheckpoint.withFrozenParts(folder.resolve("other")).resolve("model");
        Files.copy(mine.resolve("siglip.pt"), other.resolve("siglip.pt"), StandardCopyOption.REPLACE_EXISTING);
        Files.write(other.resolve("projector.pt"), new byte[] {1});
        try (ImageTokenizer tokenizer = ImageTokenizer.load(mine, TinyCheckpoint.FP32)) {
            new TokenShardsWriter(tokenizer, 4, 1).write(
                    folder.resolve("tokens"), SIGNS, 6, 6, Map.of("tokenizer", TokenizerFingerprint.of(mine)), done -> {});
        }
        DataRecipe tokens = read("{kind: mixture, seed: 1, parts: [{weight: 1, source: {kind: tokens, path: tokens, seed: 1}}]}");
        tokens.requireTokensOf(folder, mine);
        assertThatThrownBy(() -> tokens.requireTokensOf(folder, other))
                .isInstanceOf(InputException.class).hasMessageContaining("tokens of another image tokenizer");
    }
}
