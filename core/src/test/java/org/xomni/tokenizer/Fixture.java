package org.xomni.tokenizer;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.xomni.Fixtures;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import tools.jackson.databind.JsonNode;

/** A tiny checkpoint and what the reference computes with it. */
record Fixture(String name) {

    /** One image of {@code golden.json}. */
    record Golden(Path file, Path resizedFile, Path tensorsFile, JsonNode json) {

        boolean accepted() {
            return json.path("accepted").booleanValue();
        }

        Pixels pixels() {
            return ImageFiles.read(file);
        }

        Pixels resized() {
            return ImageFiles.read(resizedFile);
        }

        ImageTokens tokens() {
            int[] grid = Fixtures.ints(json.path("grid"));
            return new ImageTokens(grid[0], grid[1], Fixtures.ints(json.path("tokens")));
        }

        /** Asserts that a tensor is the reference's {@code name} within the project's tolerance. */
        void assertThatIs(String name, Tensor actual) {
            try (SafetensorsFile file = SafetensorsFile.open(tensorsFile); Scope scope = Scope.inference()) {
                Fixtures.assertClose(actual, Fixtures.tensor(file, name));
            }
        }

        @Override
        public String toString() {
            return file.getFileName().toString();
        }
    }

    static List<Fixture> all() {
        return Fixtures.ALL.stream().map(Fixture::new).toList();
    }

    Path model() {
        return Fixtures.model(name);
    }

    ImageTokenizer tokenizer() {
        return ImageTokenizer.load(model(), Numerics.cpu(DType.FLOAT32));
    }

    List<Golden> images() {
        JsonNode images = Fixtures.golden(name).path("images");
        return IntStream.range(0, images.size())
                .mapToObj(i -> new Golden(
                        Fixtures.golden(name, images.path(i).path("file").stringValue()),
                        Fixtures.golden(name, images.path(i).path("resized_file").stringValue("")),
                        Fixtures.golden(name, "tokenizer_" + i + ".safetensors"),
                        images.path(i)))
                .toList();
    }

    List<Golden> accepted() {
        return images().stream().filter(Golden::accepted).toList();
    }
}
