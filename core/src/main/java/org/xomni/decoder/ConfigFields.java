package org.xomni.decoder;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/**
 * Typed access to one JSON object of a checkpoint, and the checks that its records share. A key that is absent or null has the fallback's value.
 *
 * @param source what messages call the object, such as its file
 */
record ConfigFields(String source, JsonNode node) {

    static ConfigFields read(Path file) {
        return new ConfigFields(file.toString(), Json.readObject(file));
    }

    int integer(String name) {
        JsonNode value = required(name);
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrong(name, value, "an integer");
        }
        return value.intValue();
    }

    int integer(String name, int fallback) {
        return has(name) ? integer(name) : fallback;
    }

    double number(String name) {
        JsonNode value = required(name);
        if (!value.isNumber()) {
            throw wrong(name, value, "a number");
        }
        return value.doubleValue();
    }

    double number(String name, double fallback) {
        return has(name) ? number(name) : fallback;
    }

    boolean flag(String name, boolean fallback) {
        if (!has(name)) {
            return fallback;
        }
        JsonNode value = node.get(name);
        if (!value.isBoolean()) {
            throw wrong(name, value, "true or false");
        }
        return value.booleanValue();
    }

    String text(String name, String fallback) {
        if (!has(name)) {
            return fallback;
        }
        JsonNode value = node.get(name);
        if (!value.isString()) {
            throw wrong(name, value, "a string");
        }
        return value.stringValue();
    }

    List<Integer> integers(String name) {
        JsonNode value = required(name);
        List<Integer> numbers = new ArrayList<>();
        for (JsonNode element : value) {
            if (!element.isIntegralNumber() || !element.canConvertToInt()) {
                throw wrong(name, value, "a list of integers");
            }
            numbers.add(element.intValue());
        }
        if (!value.isArray()) {
            throw wrong(name, value, "a list of integers");
        }
        return numbers;
    }

    boolean has(String name) {
        return !node.path(name).isMissingNode() && !node.path(name).isNull();
    }

    private JsonNode required(String name) {
        if (!has(name)) {
            throw new CheckpointException(source + " has no " + name + "; restore it from the original checkpoint");
        }
        return node.get(name);
    }

    private CheckpointException wrong(String name, @Nullable JsonNode value, String expected) {
        String found = String.valueOf(value);
        return new CheckpointException(source + ": " + name + " is " + (found.length() > 60 ? found.substring(0, 60) + "..." : found) + ", expected "
                + expected + "; restore it from the original checkpoint");
    }

    /** Checks a number of a record's compact constructor. {@code config} is what the message calls the record. */
    static void inRange(String config, String name, double value, double min, double max) {
        if (!(value >= min && value <= max)) {
            throw invalid(config, name + " is " + plain(value) + ", expected " + plain(min) + " to " + plain(max));
        }
    }

    /** Checks that heads divide a width evenly. */
    static void divides(String config, String name, long value, String of, long whole) {
        if (whole % value != 0) {
            throw invalid(config, of + " " + whole + " is not divisible by " + name + " " + value);
        }
    }

    static CheckpointException invalid(String config, String problem) {
        return new CheckpointException("the config of " + config + " is not usable: " + problem + "; restore config.json from the original checkpoint");
    }

    private static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? Long.toString((long) value) : Double.toString(value);
    }
}
