package org.xomni.tensor;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A checkpoint's JSON configuration, read key by key with errors that name file, key and value. Keys that nobody asks for are ignored, as
 * in the reference.
 */
public final class ConfigFile {
    private final Path file;
    private final String path;
    private final JsonNode node;

    private ConfigFile(Path file, String path, JsonNode node) {
        this.file = file;
        this.path = path;
        this.node = node;
    }

    /**
     * Reads a JSON object.
     *
     * @throws CheckpointException if the file is missing or not a JSON object
     */
    public static ConfigFile read(Path file) {
        return new ConfigFile(file, "", Json.readObject(file));
    }

    /** The file. */
    public Path file() {
        return file;
    }

    /** Whether the key is there and not null. */
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /** The object under a key. */
    public ConfigFile child(String key) {
        JsonNode child = node.get(key);
        if (child == null || !child.isObject()) {
            throw wrong(key, child, "an object");
        }
        return new ConfigFile(file, path + key + ".", child);
    }

    /** The object under a key, if it is there. */
    public Optional<ConfigFile> optionalChild(String key) {
        return has(key) ? Optional.of(child(key)) : Optional.empty();
    }

    /** A whole number. */
    public int integer(String key) {
        JsonNode value = node.get(key);
        if (value == null || !value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(key, value, "a whole number");
        }
        return value.intValue();
    }

    /** A whole number, or what stands in for it. */
    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    /** A finite number. */
    public double number(String key) {
        JsonNode value = node.get(key);
        if (value == null || !value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw wrong(key, value, "a finite number");
        }
        return value.doubleValue();
    }

    /** A finite number, or what stands in for it. */
    public double number(String key, double otherwise) {
        return has(key) ? number(key) : otherwise;
    }

    /** True or false, or what stands in for it. */
    public boolean flag(String key, boolean otherwise) {
        if (!has(key)) {
            return otherwise;
        }
        JsonNode value = node.get(key);
        if (!value.isBoolean()) {
            throw wrong(key, value, "true or false");
        }
        return value.booleanValue();
    }

    /** A string. */
    public String text(String key) {
        JsonNode value = node.get(key);
        if (value == null || !value.isString()) {
            throw wrong(key, value, "a string");
        }
        return value.stringValue();
    }

    /** A string, or what stands in for it. */
    public String text(String key, String otherwise) {
        return has(key) ? text(key) : otherwise;
    }

    /** A list of strings. */
    public List<String> texts(String key) {
        JsonNode value = node.get(key);
        List<String> out = new ArrayList<>();
        if (value != null && value.isArray()) {
            value.forEach(v -> out.add(v.isString() ? v.stringValue() : v.toString()));
            return List.copyOf(out);
        }
        throw wrong(key, value, "a list of strings");
    }

    /** A list of whole numbers. */
    public List<Integer> integers(String key) {
        JsonNode value = node.get(key);
        if (value == null || !value.isArray()) {
            throw wrong(key, value, "a list of whole numbers");
        }
        List<Integer> out = new ArrayList<>();
        for (JsonNode v : value) {
            if (!v.isIntegralNumber() || !v.canConvertToInt()) {
                throw wrong(key, value, "a list of whole numbers");
            }
            out.add(v.intValue());
        }
        return List.copyOf(out);
    }

    /**
     * Checks the range of a configuration value.
     *
     * @throws CheckpointException if it is outside
     */
    public static int within(String key, int value, int least, int most) {
        if (value < least || value > most) {
            throw new CheckpointException(key + " is " + value + ", expected " + least + ".." + most + "; restore config.json from the original checkpoint");
        }
        return value;
    }

    private CheckpointException wrong(String key, @Nullable JsonNode value, String expected) {
        String found = value == null ? "missing" : value.toString();
        String shown = found.length() > 60 ? found.substring(0, 60) + "..." : found;
        return new CheckpointException(file + ": " + path + key + " is " + shown + ", expected " + expected
                + "; restore the file from the original checkpoint");
    }
}
