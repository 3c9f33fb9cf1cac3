package org.xomni.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;
import org.xomni.Fixtures;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;

class ImageTokenizerTest {
    private static final Fixture EN = new Fixture("tiny-en");
    private static final ImageTokens SOME = new ImageTokens(3, 5, IntStream.range(0, 15).map(i -> i * 17).toArray());

    @TempDir
    private Path folder;

    @ParameterizedTest
    @MethodSource("org.xomni.tokenizer.Fixture#all")
    void encodesAsTheReferenceDoes(Fixture fixture) {
        try (ImageTokenizer tokenizer = fixture.tokenizer(); Scope scope = Scope.inference()) {
            assertThat(fixture.accepted()).hasSize(5).allSatisfy(golden -> {
                golden.assertThatIs("features", tokenizer.vitFeatures(golden.pixels()));
                assertThat(tokenizer.encode(golden.pixels())).isEqualTo(golden.tokens());
            });
        }
    }

    @ParameterizedTest
    @MethodSource("org.xomni.tokenizer.Fixture#all")
    void decodesAsTheReferenceDoes(Fixture fixture) {
        try (ImageTokenizer tokenizer = fixture.tokenizer(); Scope scope = Scope.inference()) {
            assertThat(fixture.accepted()).hasSize(5).allSatisfy(golden -> {
                ImageTokens tokens = golden.tokens();
                Tensor features_LD = tokenizer.features(tokens);
                assertThat(features_LD.is_contiguous()).isTrue();
                golden.assertThatIs("latents", features_LD.t().reshape(1, -1, tokens.height(), tokens.width()));
            });
        }
    }

    @Test
    void encodesImagesOfOneSizeTogether() {
        try (ImageTokenizer tokenizer = EN.tokenizer()) {
            List<Pixels> images = List.of(noise(112, 176, 1), noise(112, 176, 2), noise(112, 176, 3));
            List<ImageTokens> together = tokenizer.encode(images);
            assertThat(together).doesNotHaveDuplicates().containsExactlyElementsOf(images.stream().map(tokenizer::encode).toList());
            assertThatThrownBy(() -> tokenizer.encode(List.of(noise(96, 96, 1), noise(96, 112, 1))))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("images of 96x96 and 96x112 (after resizing) cannot be encoded together");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void encodesAnyGridInAnyPrecision(DType dtype) {
        Numerics numerics = new Numerics(dtype, dtype, Quantization.NONE, "cpu");
        try (ImageTokenizer tokenizer = ImageTokenizer.load(EN.model(), numerics); Scope scope = Scope.inference()) {
            ImageTokens tokens = tokenizer.encode(noise(112, 176, 1));
            assertThat(tokens.height()).isEqualTo(7);
            assertThat(tokens.width()).isEqualTo(11);
            Tensor features_LD = tokenizer.features(tokens);
            assertThat(Tensors.shape(features_LD)).containsExactly(77, 64);
            assertThat(features_LD.scalar_type().value).isEqualTo(ScalarType.Float.value);
            assertThat(features_LD.isfinite().all().item_bool()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Quantization.class)
    void lowPrecisionStaysNearFullPrecision(Quantization quantization) {
        Numerics numerics = new Numerics(DType.BFLOAT16, DType.BFLOAT16, quantization, "cpu");
        Fixture.Golden golden = EN.accepted().getFirst();
        try (ImageTokenizer low = ImageTokenizer.load(EN.model(), numerics);
                ImageTokenizer exact = EN.tokenizer();
                Scope scope = Scope.inference()) {
            Fixtures.assertClose(low.vitFeatures(golden.pixels()), exact.vitFeatures(golden.pixels()), 0.03);
            Fixtures.assertClose(low.features(SOME), exact.features(SOME), 0.03);
        }
    }

    @Test
    void leaksNothing() {
        try (ImageTokenizer tokenizer = EN.tokenizer()) {
            Pixels image = noise(96, 112, 1);
            Runnable round = () -> {
                tokenizer.encode(image);
                tokenizer.features(SOME).close();
                tokenizer.vitFeatures(image).close();
            };
            round.run();
            long before = Pointer.totalCount();
            for (int i = 0; i < 5; i++) {
                round.run();
            }
            assertThat(Pointer.totalCount()).isEqualTo(before);
        }
    }

    @Test
    void closingFreesTheWeights() {
        EN.tokenizer().close();
        long before = Pointer.totalCount();
        try (ImageTokenizer tokenizer = EN.tokenizer()) {
            tokenizer.encode(noise(96, 112, 1));
            assertThat(Pointer.totalCount()).isGreaterThan(before + 20);
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    @Test
    void refusesTokensOutsideTheCodebook() {
        try (ImageTokenizer tokenizer = EN.tokenizer()) {
            assertThatThrownBy(() -> tokenizer.features(new ImageTokens(1, 2, new int[] {255, 256})))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("256");
        }
    }

    @Test
    void decodesWithoutTheVit() throws IOException {
        copy("config.json", "projector.pt");
        try (ImageTokenizer tokenizer = ImageTokenizer.load(folder, Numerics.cpu(DType.FLOAT32))) {
            tokenizer.features(SOME).close();
            assertThatThrownBy(() -> tokenizer.encode(noise(96, 96, 1)))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("siglip.pt");
        }
    }

    @Test
    void ignoresWhatElseIsInSiglipWithOneWarning() throws IOException {
        copy("config.json", "projector.pt");
        List<String> extra = List.of("norm.weight", "norm.bias", "attn_pool.q.weight", "attn_pool.latent", "head.weight");
        rewriteSiglip(tensors -> extra.forEach(name -> tensors.add(Tensors.stored(name, Tensors.of(new float[] {1, 2}, 2)))));
        Logger logger = (Logger) LoggerFactory.getLogger("org.xomni");
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        Fixture.Golden golden = EN.accepted().getFirst();
        try (ImageTokenizer tokenizer = ImageTokenizer.load(folder, Numerics.cpu(DType.FLOAT32))) {
            assertThat(tokenizer.encode(golden.pixels())).isEqualTo(golden.tokens());
            assertThat(tokenizer.encode(golden.pixels())).isEqualTo(golden.tokens());
        } finally {
            logger.detachAppender(log);
        }
        assertThat(log.list).singleElement().extracting(ILoggingEvent::getFormattedMessage).asString()
                .contains("siglip.pt: 5 unknown parameter(s) ignored: attn_pool.latent, ");
    }

    @Test
    void saysWhichParametersDoNotFit() throws IOException {
        copy("config.json", "projector.pt");
        rewriteSiglip(tensors -> {
            tensors.removeIf(t -> t.name().equals("blocks.1.attn.qkv.weight"));
            tensors.replaceAll(t -> t.name().equals("blocks.2.mlp.fc1.bias") ? Tensors.stored(t.name(), Tensors.of(new float[2], 2)) : t);
        });
        try (ImageTokenizer tokenizer = ImageTokenizer.load(folder, Numerics.cpu(DType.FLOAT32))) {
            assertThatThrownBy(() -> tokenizer.encode(noise(96, 96, 1)))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("missing blocks.1.attn.qkv.weight, expected shape [192, 64]")
                    .hasMessageContaining("blocks.2.mlp.fc1.bias has shape [2], expected [256]");
        }
    }

    @Test
    void refusesPositionsThatAreNotSquare() throws IOException {
        copy("config.json", "projector.pt");
        rewriteSiglip(tensors -> tensors.replaceAll(
                t -> t.name().equals("pos_embed") ? Tensors.stored(t.name(), Tensors.of(new float[12 * 64], 1, 12, 64)) : t));
        try (ImageTokenizer tokenizer = ImageTokenizer.load(folder, Numerics.cpu(DType.FLOAT32))) {
            assertThatThrownBy(() -> tokenizer.encode(noise(96, 96, 1)))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("pos_embed has shape [1, 12, 64], expected [1, n*n, width]");
        }
    }

    private interface Edit {
        void apply(List<StoredTensor> tensors);
    }

    private void rewriteSiglip(Edit edit) {
        try (TorchArchive original = TorchArchive.open(EN.model().resolve("siglip.pt")); Scope scope = Scope.inference()) {
            List<StoredTensor> tensors = new ArrayList<>(original.tensors().values());
            edit.apply(tensors);
            TorchArchive.write(folder.resolve("siglip.pt"), tensors);
        }
    }

    private void copy(String... files) throws IOException {
        for (String file : files) {
            Files.copy(EN.model().resolve(file), folder.resolve(file));
        }
    }

    private static Pixels noise(int height, int width, long seed) {
        Pixels pixels = new Pixels(height, width);
        new Random(seed).nextBytes(pixels.rgb());
        return pixels;
    }
}
