package org.xomni.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Samples as JSON objects. What we write keeps everything:
 *
 * <pre>{@code
 * {"key": "...", "prompt": "a red sign", "picture": P}
 * {"key": "...", "turns": [{"role": "user", "parts": [{"picture": P}, {"text": "What does it say?"}]}, ...]}
 * }</pre>
 *
 * <p>What P is, the container decides: tokens, or the name of an image. Also read are captions of other sources, {@code text} or
 * {@code caption} with {@code image}, and {@linkplain LlavaConversation conversations}. Keys that nobody asks for are ignored.
 */
final class SampleJson {
    private static final List<String> CAPTIONS = List.of("prompt", "text", "caption");

    private SampleJson() {}

    /** How a picture is written. */
    @FunctionalInterface
    interface PictureWriter {
        JsonNode write(Picture picture);
    }

    /** The pictures of a record. */
    interface Pictures {
        /** The picture that a record refers to. */
        Picture named(JsonNode reference) throws BrokenSample;

        /** All pictures that a record refers to, in order. */
        default List<Picture> named(List<JsonNode> references) throws BrokenSample {
            List<Picture> all = new ArrayList<>();
            for (JsonNode reference : references) {
                all.add(named(reference));
            }
            return all;
        }

        /** All pictures that stand beside the record, for a record that names none. */
        default List<Picture> beside() throws BrokenSample {
            return List.of();
        }
    }

    static ObjectNode write(Sample sample, PictureWriter pictures) {
        ObjectNode json = Json.mapper().createObjectNode().put("key", sample.key());
        switch (sample) {
            case Sample.Generation(_, String prompt, Picture picture) -> json.put("prompt", prompt).set("picture", pictures.write(picture));
            case Sample.Dialogue(_, List<Turn> turns) -> {
                ArrayNode list = json.putArray("turns");
                for (Turn turn : turns) {
                    ObjectNode spoken = list.addObject().put("role", turn.role().name().toLowerCase(Locale.ROOT));
                    ArrayNode parts = spoken.putArray("parts");
                    for (Part part : turn.parts()) {
                        switch (part) {
                            case Part.Said(String text) -> parts.addObject().put("text", text);
                            case Part.Shown(Picture picture) -> parts.addObject().set("picture", pictures.write(picture));
                        }
                    }
                }
            }
        }
        return json;
    }

    /**
     * Reads a record.
     *
     * @param name where it stands, for messages; its key unless it has its own
     */
    static Sample read(byte[] json, String name, Pictures pictures) throws BrokenSample {
        try {
            return read(Json.mapper().readTree(json), name, pictures);
        } catch (JacksonException e) {
            throw new BrokenSample(name + " is not valid JSON: " + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        }
    }

    private static Sample read(JsonNode json, String name, Pictures pictures) throws BrokenSample {
        String key = json.path("key").asString(name);
        if (json.has("turns")) {
            return new Sample.Dialogue(key, turns(json.path("turns"), name, pictures));
        }
        if (json.has("conversations")) {
            return new Sample.Dialogue(key, LlavaConversation.turns(json.path("conversations"), pictures(json, pictures), name));
        }
        for (String caption : CAPTIONS) {
            if (json.path(caption).isString()) {
                List<Picture> shown = pictures(json, pictures);
                if (shown.size() != 1) {
                    throw new BrokenSample(name + " has " + shown.size() + " pictures for one caption, expected 1");
                }
                return new Sample.Generation(key, json.path(caption).stringValue(), shown.getFirst());
            }
        }
        throw new BrokenSample(name + " has none of \"prompt\", \"text\", \"caption\", \"turns\" and \"conversations\"");
    }

    /** Whether a JSON object says what a sample is about, rather than something else about it. */
    static boolean isSample(JsonNode json) {
        return json.has("turns") || json.has("conversations") || CAPTIONS.stream().anyMatch(c -> json.path(c).isString());
    }

    private static List<Picture> pictures(JsonNode json, Pictures pictures) throws BrokenSample {
        JsonNode named = json.hasNonNull("picture") ? json.path("picture") : json.path("image");
        if (named.isMissingNode() || named.isNull()) {
            return pictures.beside();
        }
        return pictures.named(named.isArray() ? named.valueStream().toList() : List.of(named));
    }

    private static List<Turn> turns(JsonNode json, String name, Pictures pictures) throws BrokenSample {
        List<Turn> turns = new ArrayList<>();
        for (JsonNode turn : json) {
            List<Part> parts = new ArrayList<>();
            for (JsonNode part : turn.path("parts")) {
                if (part.hasNonNull("picture")) {
                    parts.add(new Part.Shown(pictures.named(part.path("picture"))));
                } else if (part.path("text").isString()) {
                    parts.add(new Part.Said(part.path("text").stringValue()));
                } else {
                    throw new BrokenSample(name + " has a part that is neither \"text\" nor \"picture\"");
                }
            }
            turns.add(new Turn(role(turn.path("role").asString(""), name), parts));
        }
        return turns;
    }

    private static Role role(String role, String name) throws BrokenSample {
        return switch (role) {
            case "system" -> Role.SYSTEM;
            case "user" -> Role.USER;
            case "assistant" -> Role.ASSISTANT;
            default -> throw new BrokenSample(name + " has the role '" + role + "', expected system, user or assistant");
        };
    }
}
