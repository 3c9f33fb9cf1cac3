package org.xomni.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** The fixtures and what the reference computed with them. */
final class Goldens {
    static final Path EN = folder("tiny-en");

    private Goldens() {}

    static Path folder(String fixture) {
        return Path.of(System.getProperty("xomni.fixtures", "fixtures"), fixture);
    }

    static JsonNode of(String fixture) {
        return Json.readObject(folder(fixture).resolve("golden/golden.json"));
    }

    static int[] ids(JsonNode array) {
        return Json.mapper().convertValue(array, int[].class);
    }

    /** A copy of one file of a fixture in a new folder, changed. */
    static Path changed(Path source, Path into, UnaryOperator<String> change) {
        try {
            Files.writeString(into.resolve(source.getFileName()), change.apply(Files.readString(source)));
            return into;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
