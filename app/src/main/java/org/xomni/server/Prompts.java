package org.xomni.server;

import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/** What requests say, for the log. */
final class Prompts {
    private Prompts() {}

    /**
     * The prompt and the messages' texts of a body that may be anything, without images.
     *
     * @param most characters of each; what is longer is refused later
     */
    static ArrayNode of(JsonNode body, int most) {
        ArrayNode texts = Json.mapper().createArrayNode();
        add(texts, body.path("prompt"), most);
        for (JsonNode message : body.path("messages")) {
            add(texts, message.path("content"), most);
            for (JsonNode part : message.path("content")) {
                add(texts, part.path("text"), most);
            }
        }
        return texts;
    }

    private static void add(ArrayNode texts, JsonNode text, int most) {
        if (text.isString()) {
            String said = text.stringValue();
            texts.add(said.length() > most ? said.substring(0, most) : said);
        }
    }
}
