package org.xomni.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** The tokens that {@code tokenizer_config.json} names by what they are for. */
final class NamedTokens {
    /** What Qwen2's tokenizer pads with unless its configuration says otherwise. */
    private static final String PADDING = "<|endoftext|>";

    private NamedTokens() {}

    /** Those of a configuration, by their names there. */
    static Map<String, String> of(JsonNode config) {
        Map<String, String> tokens = new HashMap<>();
        for (String name : List.of("bos_token", "eos_token", "pad_token", "unk_token")) {
            JsonNode token = config.path(name);
            String text = token.isObject() ? token.path("content").asString("") : token.asString("");
            if (!text.isEmpty()) {
                tokens.put(name, text);
            }
        }
        return tokens;
    }

    /**
     * The token that fills rows up to the length of the longest.
     *
     * @throws CheckpointException if there is a {@code tokenizer_config.json} that cannot be read
     */
    static String padding(Path modelFolder) {
        Path config = modelFolder.resolve("tokenizer_config.json");
        return Files.exists(config) ? of(Json.readObject(config)).getOrDefault("pad_token", PADDING) : PADDING;
    }
}
