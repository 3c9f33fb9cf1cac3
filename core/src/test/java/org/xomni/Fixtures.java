package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.Json;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Tensors;
import tools.jackson.databind.JsonNode;

/** The tiny checkpoints of the reference and what it computed with them. */
public final class Fixtures {
    /** Both checkpoints: with and without a text stream in the decoder. */
    public static final List<String> ALL = List.of("tiny-en", "tiny-zh");

    private Fixtures() {}

    /** The folder of a fixture. */
    public static Path folder(String name) {
        return Path.of(System.getProperty("xomni.fixtures"), name);
    }

    public static Path model(String name) {
        return folder(name).resolve("model");
    }

    public static Path flux(String name) {
        return folder(name).resolve("flux");
    }

    public static Path golden(String name, String file) {
        return folder(name).resolve("golden").resolve(file);
    }

    /** {@code golden.json}. */
    public static JsonNode golden(String name) {
        return Json.readObject(golden(name, "golden.json"));
    }

    public static int[] ints(JsonNode array) {
        List<Integer> out = new ArrayList<>();
        array.forEach(v -> out.add(v.intValue()));
        return out.stream().mapToInt(Integer::intValue).toArray();
    }

    /** A golden tensor, to be closed by an enclosing scope. */
    public static Tensor tensor(SafetensorsFile file, String name) {
        return Tensors.over(Objects.requireNonNull(file.tensors().get(name), name));
    }

    /** The project's tolerance: the largest difference is at most 1e-4 of the largest value. */
    public static void assertClose(Tensor actual, Tensor expected) {
        assertClose(actual, expected, 1e-4);
    }

    /** The largest difference is at most {@code tolerance} of the largest value. */
    public static void assertClose(Tensor actual, Tensor expected, double tolerance) {
        assertThat(Tensors.shape(actual)).containsExactly(Tensors.shape(expected));
        float[] a = Tensors.floats(actual);
        float[] e = Tensors.floats(expected);
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < e.length; i++) {
            largest = Math.max(largest, Math.abs(e[i]));
            double d = Math.abs((double) a[i] - e[i]);
            difference = Math.max(difference, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
        }
        assertThat(difference / largest).as("largest difference relative to the largest value").isLessThanOrEqualTo(tolerance);
    }
}
