package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.tensor.DType;

/** Copies of checkpoints, to be changed or damaged, or compared with what they are copies of. */
final class Copies {
    private Copies() {}

    /** Copies a folder with all that is in it to a folder that does not exist. */
    static Path of(Path source, Path target) {
        try {
            for (Path file : files(source)) {
                Path copy = target.resolve(file);
                Files.createDirectories(copy.getParent());
                Files.copy(source.resolve(file), copy);
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Copies a fixture's model, with its FLUX folder inside, to a folder that does not exist. */
    static Path withFlux(String fixture, Path target) {
        Path model = of(Fixtures.model(fixture), target);
        of(Fixtures.flux(fixture), model.resolve("flux"));
        return model;
    }

    /** Fails unless two checkpoints tokenize, answer and draw the same, and nothing is wrong with the second. */
    static void assertComputeTheSame(String fixture, Path expected, Path actual) {
        var image = ImageFiles.read(Fixtures.golden(fixture, "images/0_120x96_RGB.png"));
        var question = new ChatRequest("What is it?", List.of(image), 8, Sampling.GREEDY, 0);
        var request = DrawRequest.of("a red square", 64, 96, 7);
        LoadOptions exact = LoadOptions.DEFAULT.dtype(DType.FLOAT32);
        try (XOmni a = XOmni.load(expected, exact);
                XOmni b = XOmni.load(actual, exact)) {
            assertThat(b.tokenize(image)).isEqualTo(a.tokenize(image));
            Reply answer = a.chat(question, piece -> {}, Progress.NONE);
            assertThat(b.chat(question, piece -> {}, Progress.NONE).tokens()).isEqualTo(answer.tokens());
            Drawing drawn = a.draw(request, Progress.NONE);
            Drawing again = b.draw(request, Progress.NONE);
            assertThat(again.tokens()).isEqualTo(drawn.tokens());
            assertThat(again.pixels().rgb()).isEqualTo(drawn.pixels().rgb());
        }
        assertThat(Inspection.of(actual, null)).allSatisfy(part -> assertThat(part.problems()).isEmpty());
    }

    /** Names of all files in a folder, relative to it. */
    static List<Path> files(Path folder) {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).map(folder::relativize).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
