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
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;

/** A checkpoint written back is the same checkpoint. */
class SaveLoadTest {
    static final Object[] fixtures = Fixtures.ALL.toArray();

    @TempDir
    Path folder;

    @ParameterizedTest
    @FieldSource("fixtures")
    void savedFilesAreTheSameBytes(String fixture) throws IOException {
        Path original = Copies.withFlux(fixture, folder.resolve("original"));
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
        Path original = Copies.withFlux(fixture, folder.resolve("original"));
        Path saved = folder.resolve("saved");
        Checkpoint.read(original, null).save(saved);
        Copies.assertComputeTheSame(fixture, original, saved);
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

    private List<String> listed() throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(p -> p.getFileName().toString()).sorted().toList();
        }
    }
}
