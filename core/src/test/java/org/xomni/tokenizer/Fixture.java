package org.xomni.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
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
            int[] ids = json.path("tokens").valueStream().mapToInt(JsonNode::intValue).toArray();
            return new ImageTokens(json.path("grid").path(0).intValue(), json.path("grid").path(1).intValue(), ids);
        }

        /** Asserts that a tensor is the reference's {@code name}, of the same shape and within 1e-4 of its largest value. */
        void assertThatIs(String name, Tensor actual) {
            try (SafetensorsFile file = SafetensorsFile.open(tensorsFile);
                    Scope scope = Scope.inference()) {
                Tensor expected = Tensors.over(Objects.requireNonNull(file.tensors().get(name)));
                assertThat(Tensors.shape(actual)).isEqualTo(Tensors.shape(expected));
                assertThat(largest(actual.sub(expected)) / largest(expected)).isLessThanOrEqualTo(1e-4);
            }
        }

        @Override
        public String toString() {
            return file.getFileName().toString();
        }
    }

    static double largest(Tensor t) {
        return t.abs().max().item_double();
    }

    static List<Fixture> all() {
        return List.of(new Fixture("tiny-en"), new Fixture("tiny-zh"));
    }

    Path model() {
        return folder().resolve("model");
    }

    ImageTokenizer tokenizer() {
        return ImageTokenizer.load(model(), Numerics.cpu(DType.FLOAT32));
    }

    List<Golden> images() {
        Path golden = folder().resolve("golden");
        JsonNode images = Json.readObject(golden.resolve("golden.json")).path("images");
        return IntStream.range(0, images.size())
                .mapToObj(i -> new Golden(
                        golden.resolve(images.path(i).path("file").stringValue()),
                        golden.resolve(images.path(i).path("resized_file").stringValue("")),
                        golden.resolve("tokenizer_" + i + ".safetensors"),
                        images.path(i)))
                .toList();
    }

    List<Golden> accepted() {
        return images().stream().filter(Golden::accepted).toList();
    }

    private Path folder() {
        return Path.of(System.getProperty("xomni.fixtures")).resolve(name);
    }
}
