package org.xomni.data;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import tools.jackson.databind.JsonNode;

/**
 * Conversations as LLaVA's data has them: a list of {@code {"from": "human" | "gpt" | "system", "value": "..."}} in which {@code <image>}
 * stands for the next picture. As in LLaVA, one picture comes before what its turn says, wherever it was written, and pictures that no turn
 * mentions belong to the first human one.
 */
final class LlavaConversation {
    private static final String PLACEHOLDER = "<image>";

    private LlavaConversation() {}

    static List<Turn> turns(JsonNode conversation, List<Picture> pictures, String name) throws BrokenSample {
        int mentioned = 0;
        for (JsonNode said : conversation) {
            if (!said.path("value").isString()) {
                throw new BrokenSample(name + " has a turn without a \"value\" that is text");
            }
            mentioned += pieces(said).length - 1;
        }
        if (mentioned != 0 && mentioned != pictures.size()) {
            throw new BrokenSample(name + " mentions " + mentioned + " pictures and has " + pictures.size());
        }
        Iterator<Picture> next = pictures.iterator();
        List<Turn> turns = new ArrayList<>();
        for (JsonNode said : conversation) {
            Role role = role(said.path("from").asString(""), name);
            List<Part> parts = new ArrayList<>();
            if (mentioned == 0 && role == Role.USER) {
                next.forEachRemaining(picture -> parts.add(new Part.Shown(picture)));
            }
            addPieces(parts, pieces(said), next);
            turns.add(new Turn(role, parts));
        }
        if (next.hasNext()) {
            throw new BrokenSample(name + " has pictures, but no human turn to show them in");
        }
        return turns;
    }

    private static String[] pieces(JsonNode said) {
        return said.path("value").stringValue().split(PLACEHOLDER, -1);
    }

    private static void addPieces(List<Part> parts, String[] pieces, Iterator<Picture> pictures) {
        if (pieces.length == 2) {
            parts.add(new Part.Shown(pictures.next()));
            addText(parts, (pieces[0] + pieces[1]).strip());
        } else if (pieces.length == 1) {
            addText(parts, pieces[0]);
        } else {
            for (int i = 0; i < pieces.length; i++) {
                if (i > 0) {
                    parts.add(new Part.Shown(pictures.next()));
                }
                addText(parts, pieces[i].strip());
            }
        }
    }

    private static void addText(List<Part> parts, String text) {
        if (!text.isEmpty()) {
            parts.add(new Part.Said(text));
        }
    }

    private static Role role(String from, String name) throws BrokenSample {
        return switch (from) {
            case "human", "user" -> Role.USER;
            case "gpt", "assistant" -> Role.ASSISTANT;
            case "system" -> Role.SYSTEM;
            default -> throw new BrokenSample(name + " has a turn from '" + from + "', expected human, gpt or system");
        };
    }
}
