package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;

/** A checkpoint written back is the same checkpoint. */
class SaveLoadTest {
    static final Object[] fixtures = Fixtures.ALL.toArray();

    @TempDir
    Path folder;

    @ParameterizedTest
    @FieldSource("fixtures")
    void savedFilesAreTheSameBytes(String fixture) throws IOException {
        Path original = withFluxInside(fixture);
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");

        Checkpoint.read(original, null).save(first);
        Checkpoint.read(first, null).save(second);

        assertThat(Copies.files(first)).isEqualTo(Copies.files(original));
        assertThat(Copies.files(second)).isEqualTo(Copies.files(original));
        for (Path file : Copies.files(original)) {
            assertThat(second.resolve(file)).as("saved twice").hasSameBinaryContentAs(first.resolve(file));
            // torch.save ends an archive with an id of its own, which we leave out.
            if (!file.toString().endsWith(".pt")) {
                assertThat(first.resolve(file)).as("saved once").hasSameBinaryContentAs(original.resolve(file));
            }
        }
    }

    @ParameterizedTest
    @FieldSource("fixtures")
    void aSavedCheckpointTokenizesAnswersAndDrawsTheSame(String fixture) {
        Path original = withFluxInside(fixture);
        Path saved = folder.resolve("saved");
        Checkpoint.read(original, null).save(saved);
        var image = ImageFiles.read(Fixtures.golden(fixture, "images/0_120x96_RGB.png"));
        var question = new ChatRequest("What is it?", List.of(image), 8, Sampling.GREEDY, 0);
        var request = DrawRequest.of("a red square", 64, 96, 7);
        LoadOptions exact = LoadOptions.DEFAULT.dtype(DType.FLOAT32);

        try (XOmni a = XOmni.load(original, exact);
                XOmni b = XOmni.load(saved, exact)) {
            assertThat(b.tokenize(image)).isEqualTo(a.tokenize(image));
            Reply answer = a.chat(question, piece -> {}, Progress.NONE);
            assertThat(b.chat(question, piece -> {}, Progress.NONE).tokens()).isEqualTo(answer.tokens());
            Drawing expected = a.draw(request, Progress.NONE);
            Drawing actual = b.draw(request, Progress.NONE);
            assertThat(actual.tokens()).isEqualTo(expected.tokens());
            assertThat(actual.pixels().rgb()).isEqualTo(expected.pixels().rgb());
        }
        assertThat(Inspection.of(saved, null)).allSatisfy(part -> assertThat(part.problems()).isEmpty());
    }

    @Test
    void aTakenTargetIsRefusedAndStays() throws IOException {
        Checkpoint checkpoint = Checkpoint.read(Fixtures.model("tiny-en"), null);
        Path taken = Files.createDirectory(folder.resolve("taken"));
        Path file = Files.writeString(taken.resolve("note"), "mine");

        for (Path target : List.of(taken, file, folder.resolve("missing/deep"), checkpoint.folder().resolve("inside"))) {
            assertThatThrownBy(() -> checkpoint.save(target)).isInstanceOf(InputException.class).hasMessageContaining(target.toString());
        }
        assertThat(file).hasContent("mine");
        assertThat(listed()).containsExactly("taken");
    }

    @Test
    void anEmptyTargetIsFilled() throws IOException {
        Path target = Files.createDirectory(folder.resolve("empty"));

        Checkpoint.read(Fixtures.model("tiny-zh"), null).save(target);

        assertThat(Copies.files(target)).isEqualTo(Copies.files(Fixtures.model("tiny-zh")));
        assertThat(listed()).containsExactly("empty");
    }

    @Test
    void aDamagedWeightsFileLeavesNothingBehind() throws IOException {
        Path original = Copies.of(Fixtures.model("tiny-en"), folder.resolve("original"));
        Path shard = original.resolve("model-00003-of-00004.safetensors");
        Files.write(shard, Arrays.copyOf(Files.readAllBytes(shard), 1000));
        Checkpoint checkpoint = Checkpoint.read(original, null);

        assertThatThrownBy(() -> checkpoint.save(folder.resolve("saved")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(shard.toString());
        assertThat(listed()).containsExactly("original");
    }

    private Path withFluxInside(String fixture) {
        Path model = Copies.of(Fixtures.model(fixture), folder.resolve("original"));
        Copies.of(Fixtures.flux(fixture), model.resolve("flux"));
        return model;
    }

    private List<String> listed() throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }
}
