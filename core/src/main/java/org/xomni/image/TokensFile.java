package org.xomni.image;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Folders;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The JSON form of image tokens, written by {@code tokenize --json} and {@code generate --tokens-out} and read by {@code detokenize}:
 *
 * <pre>{"height":h,"width":w,"tokens":[...],"seed":s,"prompt":"..."}</pre>
 *
 * {@code seed} and {@code prompt} are optional; several images are a list of such objects. What is read is not trusted.
 */
public final class TokensFile {
    private static final long MAX_BYTES = 256L << 20;

    private TokensFile() {}

    /** One image's tokens, with the seed and the prompt that they were drawn from where these are known. */
    public record Entry(ImageTokens tokens, @Nullable Long seed, @Nullable String prompt) {
        /** Tokens of unknown origin. */
        public Entry(ImageTokens tokens) {
            this(tokens, null, null);
        }
    }

    /**
     * Reads a file that holds one object or a non-empty list of them.
     *
     * @throws InputException if the file is missing, too large, not JSON, or not in this form
     */
    public static List<Entry> read(Path file) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new InputException(file + " " + Folders.notAFile(file) + "; give a tokens file made by tokenize --json or generate --tokens-out");
            }
            if (Files.size(file) > MAX_BYTES) {
                throw new InputException(file + " has " + Files.size(file) + " bytes, more than a tokens file may have (" + MAX_BYTES
                        + "); give a tokens file made by tokenize --json or generate --tokens-out");
            }
            return parse(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw new InputException(file + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    /**
     * Parses one object or a non-empty list of them.
     *
     * @param source what to call the text in messages
     * @throws InputException if it is not JSON, or not in this form
     */
    public static List<Entry> parse(String json, String source) {
        return parse(json.getBytes(UTF_8), source);
    }

    private static List<Entry> parse(byte[] json, String source) {
        JsonNode root;
        try {
            root = Json.mapper().readTree(json);
        } catch (JacksonException e) {
            throw new InputException(source + " is not valid JSON (" + Json.problem(e)
                    + "); give a tokens file made by tokenize --json or generate --tokens-out", e);
        }
        if (!root.isArray()) {
            return List.of(entry(root, source));
        }
        if (root.isEmpty()) {
            throw new InputException(source + " holds an empty list; give at least one {\"height\", \"width\", \"tokens\"} object");
        }
        List<Entry> entries = new ArrayList<>();
        for (JsonNode node : root) {
            entries.add(entry(node, source + "[" + entries.size() + "]"));
        }
        return List.copyOf(entries);
    }

    private static Entry entry(JsonNode node, String source) {
        if (!node.isObject()) {
            throw new InputException(source + " is not a JSON object; expected {\"height\":h,\"width\":w,\"tokens\":[...]}");
        }
        int height = integer(required(node, "height", source), "height", source);
        int width = integer(required(node, "width", source), "width", source);
        JsonNode list = required(node, "tokens", source);
        if (!list.isArray()) {
            throw new InputException(source + ": tokens is not a list; give height * width integers, row by row");
        }
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = integer(list.get(i), "tokens[" + i + "]", source);
        }
        JsonNode seed = optional(node, "seed");
        if (seed != null && !seed.canConvertToLong()) {
            throw new InputException(source + ": seed is " + excerpt(seed) + "; give a 64-bit integer, or leave it out");
        }
        JsonNode prompt = optional(node, "prompt");
        if (prompt != null && !prompt.isString()) {
            throw new InputException(source + ": prompt is " + excerpt(prompt) + "; give a string, or leave it out");
        }
        try {
            return new Entry(
                    new ImageTokens(height, width, ids),
                    seed == null ? null : seed.longValue(),
                    prompt == null ? null : prompt.stringValue());
        } catch (InputException e) {
            throw new InputException(source + ": " + e.getMessage(), e);
        }
    }

    private static JsonNode required(JsonNode node, String field, String source) {
        JsonNode value = node.get(field);
        if (value == null) {
            throw new InputException(source + " has no \"" + field + "\"; expected {\"height\":h,\"width\":w,\"tokens\":[...]}");
        }
        return value;
    }

    private static @Nullable JsonNode optional(JsonNode node, String field) {
        JsonNode value = node.get(field);
        return value == null || value.isNull() ? null : value;
    }

    private static int integer(JsonNode node, String name, String source) {
        if (!node.isIntegralNumber() || !node.canConvertToInt()) {
            throw new InputException(source + ": " + name + " is " + excerpt(node) + "; give a whole number below 2147483648");
        }
        return node.intValue();
    }

    private static String excerpt(JsonNode node) {
        String text = node.toString();
        return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }

    /** One object on one line. */
    public static String toJson(Entry entry) {
        return mapper().writeValueAsString(node(entry));
    }

    /** One object when there is one entry, else a list of objects; one line. */
    public static String toJson(List<Entry> entries) {
        if (entries.size() == 1) {
            return toJson(entries.getFirst());
        }
        return mapper().writeValueAsString(entries.stream().map(TokensFile::node).toList());
    }

    /**
     * Writes {@link #toJson(List)} and a final newline.
     *
     * @throws InputException if the file cannot be written
     */
    public static void write(Path file, List<Entry> entries) {
        AtomicFile.write(file, (toJson(entries) + "\n").getBytes(UTF_8));
    }

    private static JsonMapper mapper() {
        return Json.mapper();
    }

    private static ObjectNode node(Entry entry) {
        ObjectNode node = mapper().createObjectNode();
        node.put("height", entry.tokens().height()).put("width", entry.tokens().width());
        var list = node.putArray("tokens");
        for (int id : entry.tokens().ids()) {
            list.add(id);
        }
        if (entry.seed() != null) {
            node.put("seed", entry.seed());
        }
        if (entry.prompt() != null) {
            node.put("prompt", entry.prompt());
        }
        return node;
    }
}
