package org.xomni.server;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.xomni.Turn;
import tools.jackson.databind.JsonNode;

/** The {@code messages} of a chat request. */
final class ChatMessages {
    private static final int MOST_MESSAGES = 512;
    private static final int MOST_PARTS = 64;
    private static final int MOST_IMAGES = 32;
    private static final int LONGEST_URL = 64 << 20;

    private final String model;
    private final ServerOptions options;
    private final Pictures pictures;
    private final MemoryBudget.Share memory;
    private int images;
    private int characters;

    private ChatMessages(String model, ServerOptions options, Pictures pictures, MemoryBudget.Share memory) {
        this.model = model;
        this.options = options;
        this.pictures = pictures;
        this.memory = memory;
    }

    /**
     * @param model that is asked
     * @throws ApiException naming the message that cannot be used
     */
    static List<Turn> read(Fields body, String model, ServerOptions options, Pictures pictures, MemoryBudget.Share memory) {
        ChatMessages messages = new ChatMessages(model, options, pictures, memory);
        return body.objects("messages", MOST_MESSAGES).stream().map(messages::turn).toList();
    }

    private Turn turn(Fields message) {
        String role = message.word("role", "user", Set.of("system", "developer", "user", "assistant"));
        message.refuse("tool_calls", "this model calls no tools");
        List<Turn.Part> parts = new ArrayList<>();
        Fields drawn = message.object("xomni_image");
        JsonNode content = message.value("content");
        if (drawn != null && role.equals("assistant")) {
            parts.add(pictures.shown(Pictures.SCHEME + drawn.text("id", 100), drawn.path() + ".id", model, memory));
        } else if (content == null) {
            throw new ApiException(400, "missing_required_parameter", message.path() + ".content", "'" + message.path() + ".content' is missing");
        } else if (content.isString()) {
            String text = text(message, "content");
            parts.add(role.equals("assistant") ? pictures.said(text, message.path() + ".content", model) : new Turn.Text(text));
        } else {
            message.objects("content", MOST_PARTS).forEach(part -> parts.add(part(part, role)));
        }
        return new Turn(role.equals("developer") ? "system" : role, parts);
    }

    /** A text; all of them together may have as many characters as one prompt, as the model reads them one after the other. */
    private String text(Fields fields, String field) {
        int most = options.maxPromptCharacters();
        String text = fields.text(field, most);
        characters += text.length();
        if (characters > most) {
            throw new ApiException(400, "context_length_exceeded", "messages",
                    "the messages have more than " + most + " characters together; leave out the oldest");
        }
        return text;
    }

    private Turn.Part part(Fields part, String role) {
        String type = part.word("type", "text", Set.of("text", "image_url"));
        if (type.equals("text")) {
            String text = text(part, "text");
            return role.equals("assistant") ? pictures.said(text, part.path() + ".text", model) : new Turn.Text(text);
        }
        if (role.equals("system") || role.equals("developer")) {
            throw ApiException.field(part.path(), "a system message has no images; show them in a user message");
        }
        if (++images > MOST_IMAGES) {
            throw ApiException.field(part.path(), "the conversation has more than " + MOST_IMAGES + " images; leave some out");
        }
        Fields image = part.object("image_url");
        if (image == null) {
            throw new ApiException(400, "missing_required_parameter", part.path() + ".image_url", "'" + part.path() + ".image_url' is missing");
        }
        return pictures.shown(image.text("url", LONGEST_URL), image.path() + ".url", model, memory);
    }
}
