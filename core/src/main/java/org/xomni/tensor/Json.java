package org.xomni.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** JSON from untrusted files, with limits on depth and size. */
public final class Json {
    private static final long MAX_BYTES = 512L << 20;
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(64)
                            .maxStringLength(64 << 20)
                            .maxNumberLength(100)
                            .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();

    private Json() {}

    /** The mapper with these limits. */
    public static JsonMapper mapper() {
        return MAPPER;
    }

    /**
     * Reads a file that must hold one JSON object.
     *
     * @throws CheckpointException if it is missing, too large, not JSON or not an object
     */
    public static JsonNode readObject(Path file) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new CheckpointException(file + " is missing; give a complete checkpoint folder");
            }
            if (Files.size(file) > MAX_BYTES) {
                throw new CheckpointException(file + " has " + Files.size(file) + " bytes, more than a JSON file of a checkpoint may have (" + MAX_BYTES + ")");
            }
            JsonNode node = MAPPER.readTree(Files.readAllBytes(file));
            if (node == null || !node.isObject()) {
                throw new CheckpointException(file + " does not hold a JSON object; restore it from the original checkpoint");
            }
            return node;
        } catch (JacksonException e) {
            throw new CheckpointException(file + " is not valid JSON (" + problem(e) + "); restore it from the original checkpoint", e);
        } catch (IOException e) {
            throw new CheckpointException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** Text from an untrusted file for use in a message: quoted, on one line, and cut when it is long. */
    static String quoted(String text) {
        return MAPPER.writeValueAsString(text.length() > 100 ? text.substring(0, 100) + "..." : text);
    }

    /** What the parser found, without its own settings and sources, and where. */
    public static String problem(JacksonException e) {
        String what = XOmniException.firstLine(e.getOriginalMessage()).replaceAll(" ?\\(start marker at \\[Source.*?]\\)", "").replaceAll(", from `[^`]*`", "");
        int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
        return line < 1 ? what : what + ", line " + line + ", column " + e.getLocation().getColumnNr();
    }
}
