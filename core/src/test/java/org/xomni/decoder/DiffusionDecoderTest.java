package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.Fixtures;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tokenizer.ImageTokenizer;
import tools.jackson.databind.JsonNode;

class DiffusionDecoderTest {
    static final Iterable<String> FIXTURES = Fixtures.ALL;
    private static final Numerics NUMERICS = Numerics.cpu(DType.FLOAT32);

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void imagesAreTheReferences(String fixture) {
        try (ImageTokenizer tokenizer = ImageTokenizer.load(Fixtures.model(fixture), NUMERICS);
                DiffusionDecoder decoder = load(fixture, false)) {
            for (JsonNode golden : Fixtures.golden(fixture).path("detokenize")) {
                int[] grid = Fixtures.ints(golden.path("grid"));
                try (Tensor features = tokenizer.features(new ImageTokens(grid[0], grid[1], Fixtures.ints(golden.path("tokens"))));
                        Randomness randomness = new Randomness(golden.path("seed").longValue())) {
                    DiffusionDecoder.Request request = new DiffusionDecoder.Request(
                            grid[0],
                            grid[1],
                            golden.path("prompt").stringValue(),
                            golden.path("steps").intValue(),
                            golden.path("cfg").doubleValue(),
                            null);
                    Pixels actual = decoder.decode(features, request, randomness, DiffusionDecoder.Progress.NONE, () -> false);

                    assertWithinOne(actual, ImageFiles.read(Fixtures.golden(fixture, golden.path("image").stringValue())));
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void offloadingGivesTheSameImage(String fixture) {
        try (DiffusionDecoder kept = load(fixture, false);
                DiffusionDecoder offloaded = load(fixture, true)) {
            Pixels first = decode(kept, request(2, 3, 2, 1.5));

            assertThat(decode(offloaded, request(2, 3, 2, 1.5))).isEqualTo(first);
            assertThat(decode(offloaded, request(2, 3, 2, 1.5))).isEqualTo(first);
        }
    }

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void picturesSideBySideAreThoseOfEachAlone(String fixture) {
        try (DiffusionDecoder decoder = load(fixture, false);
                Randomness first = new Randomness(1);
                Randomness second = new Randomness(2);
                Scope scope = Scope.plain()) {
            DiffusionDecoder.Request request = request(2, 3, 3, 1.5);
            List<DiffusionDecoder.Picture> pictures = List.of(
                    new DiffusionDecoder.Picture(features(decoder, 6), "a red square", first),
                    new DiffusionDecoder.Picture(features(decoder, 6).neg(), "a blue circle", second));
            List<Pixels> together = decoder.decode(pictures, request, DiffusionDecoder.Progress.NONE, () -> false);

            first.seed(1);
            second.seed(2);
            for (int i = 0; i < 2; i++) {
                Pixels alone = decoder.decode(pictures.subList(i, i + 1), request, DiffusionDecoder.Progress.NONE, () -> false).getFirst();
                assertWithinOne(together.get(i), alone);
            }
            assertThat(together.get(0)).isNotEqualTo(together.get(1));
        }
    }

    @Test
    void groupsAreAlikeAndNoLargerThanPays() {
        List<Integer> sides = List.of(16, 8, 16, 16, 16, 16, 8, 64);

        assertThat(DiffusionDecoder.groups(sides, s -> s, s -> s))
                .containsExactly(List.of(0, 2, 3, 4), List.of(5), List.of(1, 6), List.of(7));
    }

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void decodingLeavesNoTensorsBehind(String fixture) {
        try (DiffusionDecoder decoder = load(fixture, false)) {
            assertThat(decode(decoder, request(2, 2, 2, 2))).isNotNull();
            long before = Pointer.totalCount();
            for (int i = 0; i < 3; i++) {
                assertThat(decode(decoder, request(2, 2, 2, 2))).isNotNull();
            }
            assertThat(Pointer.totalCount()).isEqualTo(before);
        }
    }

    @Test
    void guidanceUpToOneHasNoSecondBranchAndEqualsStrengthOne() {
        try (DiffusionDecoder decoder = load("tiny-en", false)) {
            Pixels none = decode(decoder, request(2, 2, 2, 1));

            assertThat(decode(decoder, request(2, 2, 2, 0))).isEqualTo(none);
            assertWithinOne(decode(decoder, request(2, 2, 2, 1 + 1e-9)), none);
            assertThat(decode(decoder, request(2, 2, 2, 4))).isNotEqualTo(none);
        }
    }

    @Test
    void tilesThatCoverTheImageChangeNothing() {
        try (DiffusionDecoder decoder = load("tiny-zh", false)) {
            DiffusionDecoder.Request tiled = new DiffusionDecoder.Request(2, 3, "", 2, 2, Tiles.DEFAULT);

            assertThat(decode(decoder, tiled)).isEqualTo(decode(decoder, request(2, 3, 2, 2)));
        }
    }

    @Test
    void stepsAreReportedAndCancellingStopsBetweenThem() {
        List<String> heard = new ArrayList<>();
        try (DiffusionDecoder decoder = load("tiny-zh", false);
                Randomness randomness = new Randomness(1);
                Tensor features = features(decoder, 4)) {
            assertThatThrownBy(() -> decoder.decode(
                            features,
                            request(2, 2, 5, 1),
                            randomness,
                            (done, steps) -> heard.add(done + "/" + steps),
                            () -> heard.size() == 2))
                    .isInstanceOf(CancellationException.class);
        }
        assertThat(heard).containsExactly("1/5", "2/5");
    }

    @Test
    void requestsThatCannotBeDecodedAreRefused() {
        try (DiffusionDecoder decoder = load("tiny-zh", false);
                Randomness randomness = new Randomness(1);
                Tensor features = features(decoder, 4)) {
            assertThatThrownBy(() -> decoder.decode(features, request(2, 3, 5, 1), randomness, DiffusionDecoder.Progress.NONE, () -> false))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("[4, 64]")
                    .hasMessageContaining("[6, 64]");
            DiffusionDecoder.Request huge = request(4096, 4096, 5, 1);
            assertThatThrownBy(() -> decoder.decode(features, huge, randomness, DiffusionDecoder.Progress.NONE, () -> false))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("4294967296 pixels");
        }
        assertThatThrownBy(() -> request(0, 3, 5, 1)).isInstanceOf(InputException.class).hasMessageContaining("0x3");
        assertThatThrownBy(() -> request(1, 3, 5, Double.NaN)).isInstanceOf(InputException.class).hasMessageContaining("NaN");
    }

    @Test
    void partsOfDifferentCheckpointsAreRefused(@TempDir Path folder) throws IOException {
        Path decoder = Files.createDirectories(folder.resolve("decoder"));
        Path original = Fixtures.model("tiny-zh").resolve("decoder");
        Files.copy(original.resolve("diffusion_pytorch_model.safetensors"), decoder.resolve("diffusion_pytorch_model.safetensors"));
        String config = Files.readString(original.resolve("config.json")).replace("\"in_channels\": 16", "\"in_channels\": 64");
        Files.writeString(decoder.resolve("config.json"), config);

        assertThatThrownBy(() -> DiffusionDecoder.load(decoder, Fixtures.flux("tiny-zh"), 16, NUMERICS, false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("in_channels is 64, expected 4 x the VAE's latent_channels, which is 16");
        assertThatThrownBy(() -> DiffusionDecoder.load(original, Fixtures.flux("tiny-zh"), 32, NUMERICS, false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("upscale_factor is 32");
        Path withText = Fixtures.model("tiny-en").resolve("decoder");
        assertThatThrownBy(() -> DiffusionDecoder.load(withText, Fixtures.flux("tiny-zh"), 16, NUMERICS, false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("text_encoder");
    }

    private static DiffusionDecoder load(String fixture, boolean offload) {
        return DiffusionDecoder.load(Fixtures.model(fixture).resolve("decoder"), Fixtures.flux(fixture), 16, NUMERICS, offload);
    }

    private static DiffusionDecoder.Request request(int height, int width, int steps, double guidance) {
        return new DiffusionDecoder.Request(height, width, "a red square", steps, guidance, null);
    }

    private static Pixels decode(DiffusionDecoder decoder, DiffusionDecoder.Request request) {
        try (Randomness randomness = new Randomness(7);
                Tensor features = features(decoder, request.height() * request.width())) {
            return decoder.decode(features, request, randomness, DiffusionDecoder.Progress.NONE, () -> false);
        }
    }

    private static Tensor features(DiffusionDecoder decoder, int tokens) {
        float[] values = new float[tokens * decoder.featureWidth()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i);
        }
        try (Scope scope = Scope.plain()) {
            return scope.keep(Tensors.of(values, tokens, decoder.featureWidth()));
        }
    }

    private static void assertWithinOne(Pixels actual, Pixels expected) {
        assertThat(actual.height()).isEqualTo(expected.height());
        assertThat(actual.width()).isEqualTo(expected.width());
        int largest = 0;
        for (int i = 0; i < expected.rgb().length; i++) {
            largest = Math.max(largest, Math.abs((actual.rgb()[i] & 0xFF) - (expected.rgb()[i] & 0xFF)));
        }
        assertThat(largest).as("largest difference of a channel").isLessThanOrEqualTo(1);
    }
}
