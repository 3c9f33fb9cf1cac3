package org.xomni.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** The fields of a JSON object of a request, each checked as it is read; {@code path} names the object in messages. */
record Fields(JsonNode node, String path) {

    /** @throws ApiException if the body is not a JSON object */
    static Fields parse(byte[] body) {
        JsonNode node;
        try {
            node = Json.mapper().readTree(body);
        } catch (JacksonException | StackOverflowError e) {
            throw new ApiException(400, "invalid_json", null, "the body is not valid JSON; send one JSON object in UTF-8");
        }
        if (node == null || !node.isObject()) {
            throw new ApiException(400, "invalid_json", null, "the body is not a JSON object; send one");
        }
        return new Fields(node, "");
    }

    private String name(String field) {
        return path.isEmpty() ? field : path + "." + field;
    }

    /** The value, or null if it is missing or null. */
    @Nullable JsonNode value(String field) {
        JsonNode value = node.get(field);
        return value == null || value.isNull() ? null : value;
    }

    boolean has(String field) {
        return value(field) != null;
    }

    /** @throws ApiException if it is missing, no text or longer than {@code most} characters */
    String text(String field, int most) {
        JsonNode value = value(field);
        if (value == null) {
            throw new ApiException(400, "missing_required_parameter", name(field), "'" + name(field) + "' is missing; it is a text");
        }
        if (!value.isString()) {
            throw ApiException.field(name(field), "'" + name(field) + "' is no text; send a string");
        }
        String text = value.stringValue();
        if (text.length() > most) {
            throw ApiException.field(name(field), "'" + name(field) + "' has " + text.length() + " characters; send at most " + most);
        }
        return text;
    }

    /** One of a few words, or {@code fallback}. */
    String word(String field, String fallback, Set<String> known) {
        if (!has(field)) {
            return fallback;
        }
        String word = text(field, 64);
        if (!known.contains(word)) {
            throw ApiException.field(name(field), "'" + name(field) + "' is not one of " + known.stream().sorted().toList());
        }
        return word;
    }

    /** A whole number within bounds, or {@code fallback}. */
    long integer(String field, long fallback, long least, long most) {
        JsonNode value = value(field);
        if (value == null) {
            return fallback;
        }
        // Some clients write whole numbers as 1.0.
        boolean whole = value.isIntegralNumber() && value.canConvertToLong()
                || value.isNumber() && value.doubleValue() == Math.rint(value.doubleValue()) && Math.abs(value.doubleValue()) < 1e15;
        if (!whole || value.longValue() < least || value.longValue() > most) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be a whole number from " + least + " to " + most);
        }
        return value.longValue();
    }

    /** A number within bounds, or {@code fallback}. */
    double number(String field, double fallback, double least, double most) {
        JsonNode value = value(field);
        if (value == null) {
            return fallback;
        }
        if (!value.isNumber() || !(value.doubleValue() >= least && value.doubleValue() <= most)) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be a number from " + least + " to " + most);
        }
        return value.doubleValue();
    }

    boolean flag(String field, boolean fallback) {
        JsonNode value = value(field);
        if (value == null) {
            return fallback;
        }
        if (!value.isBoolean()) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be true or false");
        }
        return value.booleanValue();
    }

    /** An object within this one, or null. */
    @Nullable Fields object(String field) {
        JsonNode value = value(field);
        if (value == null) {
            return null;
        }
        if (!value.isObject()) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be an object");
        }
        return new Fields(value, name(field));
    }

    /** The objects of a list. */
    List<Fields> objects(String field, int most) {
        JsonNode value = value(field);
        if (value == null || !value.isArray() || value.isEmpty() || value.size() > most) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be a list of 1 to " + most + " objects");
        }
        List<Fields> all = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            String name = name(field) + "[" + i + "]";
            if (!value.get(i).isObject()) {
                throw ApiException.field(name, "'" + name + "' must be an object");
            }
            all.add(new Fields(value.get(i), name));
        }
        return all;
    }

    /** A text or a list of texts, or none. */
    List<String> texts(String field, int most, int longest) {
        JsonNode value = value(field);
        if (value == null) {
            return List.of();
        }
        if (value.isString()) {
            return List.of(text(field, longest));
        }
        if (!value.isArray() || value.size() > most) {
            throw ApiException.field(name(field), "'" + name(field) + "' must be a text or a list of at most " + most + " texts");
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode text : value) {
            if (!text.isString() || text.stringValue().isEmpty() || text.stringValue().length() > longest) {
                throw ApiException.field(name(field), "'" + name(field) + "' must hold texts of 1 to " + longest + " characters");
            }
            texts.add(text.stringValue());
        }
        return texts;
    }

    /** Fails if a field that the server cannot honour asks for something. */
    void refuse(String field, String remedy) {
        JsonNode value = value(field);
        boolean empty = value == null || value.isContainer() && value.isEmpty() || value.isBoolean() && !value.booleanValue();
        if (!empty) {
            throw new ApiException(400, "unsupported_parameter", name(field), "'" + name(field) + "' is not supported; " + remedy);
        }
    }
}
