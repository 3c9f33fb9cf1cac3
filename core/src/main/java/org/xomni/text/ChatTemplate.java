package org.xomni.text;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.loader.ResourceNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.JsonNode;

/**
 * The checkpoint's own chat template (Jinja): {@code chat_template.jinja} if there is one, else {@code chat_template} of
 * {@code tokenizer_config.json}. White space follows {@link JinjaWhitespace}; a template cannot include files.
 *
 * <p><b>User text is only text.</b> The template works on the true text of the messages, so that its filters and tests see what they
 * would see in the reference; only two marks are put in, characters of the private use area that occur neither in the template nor in any
 * message. One is a breaker: it stands around each plain text (inside its outer blanks, so that {@code trim} still trims) and within
 * everything in it that reads like a control token. After rendering the text is cut at the breakers, and a control token does not cross
 * a cut. The other mark holds the place of spans that are ids already. What is left is encoded as one string: see {@link Span}.
 */
public final class ChatTemplate {
    private static final int MAX_RENDERED = 64 << 20;

    private final String template;
    private final Map<String, Object> globals;
    private final Jinjava engine;

    private ChatTemplate(String template, Map<String, Object> globals) {
        this.template = JinjaWhitespace.apply(template);
        this.globals = Map.copyOf(globals);
        // Nested interpretation would evaluate {{...}} inside user text.
        engine = new Jinjava(JinjavaConfig.newBuilder()
                .withNestedInterpretationEnabled(false)
                .withMaxOutputSize(MAX_RENDERED)
                .build());
        engine.setResourceLocator((name, encoding, interpreter) -> {
            throw new ResourceNotFoundException("a chat template cannot include " + name);
        });
        engine.registerFunction(new ELFunctionDefinition("", "raise_exception", ChatTemplate.class, "raise", String.class));
    }

    /**
     * Reads the template of a model folder.
     *
     * @throws CheckpointException if it has none, or the template cannot be read
     */
    public static ChatTemplate load(Path modelFolder) {
        Path config = modelFolder.resolve("tokenizer_config.json");
        Path own = modelFolder.resolve("chat_template.jinja");
        JsonNode settings = Files.exists(config) || !Files.exists(own) ? Json.readObject(config) : Json.mapper().createObjectNode();
        Map<String, Object> globals = new HashMap<>(NamedTokens.of(settings));
        try {
            String template = Files.exists(own) ? Files.readString(own) : fromConfig(settings.path("chat_template"), config);
            return new ChatTemplate(template, globals);
        } catch (IOException e) {
            throw new CheckpointException(own + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** The rendered conversation, for people: ids show as their number. What the model reads comes from {@link #encode}. */
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, span -> switch (span) {
            case Span.Plain(String text) -> text;
            case Span.Trusted(String text) -> text;
            case Span.Ids(int[] ids) -> "[" + ids.length + " ids]";
        });
    }

    /**
     * The conversation as vocabulary ids.
     *
     * @param addGenerationPrompt whether the start of the assistant's answer follows
     * @throws InputException if the template refuses the messages
     */
    public int[] encode(List<Message> messages, boolean addGenerationPrompt, TextTokenizer tokenizer) {
        char[] marks = unusedCharacters(messages);
        char breaker = marks[0];
        char holder = marks[1];
        List<Span.Ids> ready = new ArrayList<>();
        String rendered = render(messages, addGenerationPrompt, span -> switch (span) {
            case Span.Plain(String text) -> breakUp(text, breaker, tokenizer.control());
            case Span.Trusted(String text) -> text;
            case Span.Ids ids -> {
                ready.add(ids);
                yield holder + Integer.toString(ready.size() - 1) + holder;
            }
        });
        List<Span> spans = new ArrayList<>();
        String[] parts = rendered.split(String.valueOf(holder), -1);
        for (int i = 0; i < parts.length; i++) {
            if (i % 2 == 1) {
                spans.add(ready.get(Integer.parseInt(parts[i])));
            } else {
                for (String text : parts[i].split(String.valueOf(breaker), -1)) {
                    spans.add(new Span.Trusted(text));
                }
            }
        }
        return tokenizer.encode(spans);
    }

    /** What {@code raise_exception} of a template calls; the engine wants it public. */
    @SuppressWarnings("DoNotCallSuggester")
    public static String raise(String message) {
        throw new Refusal(message);
    }

    private String render(List<Message> messages, boolean addGenerationPrompt, Function<Span, String> text) {
        List<Map<String, Object>> values = new ArrayList<>();
        for (Message message : messages) {
            StringBuilder content = new StringBuilder();
            message.content().forEach(span -> content.append(text.apply(span)));
            values.add(Map.of("role", message.role(), "content", content.toString()));
        }
        Map<String, Object> bindings = new HashMap<>(globals);
        bindings.put("messages", values);
        bindings.put("add_generation_prompt", addGenerationPrompt);
        RenderResult result;
        try {
            result = engine.renderForResult(template, bindings);
        } catch (StackOverflowError e) {
            throw new CheckpointException("the chat template is nested too deeply; restore it from the original checkpoint", e);
        }
        // Warnings count too: they say that something of the template was left out.
        for (TemplateError error : result.getErrors()) {
            for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
                if (cause instanceof Refusal) {
                    throw new InputException("the chat template refuses these messages: " + XOmniException.firstLine(cause.getMessage()), cause);
                }
            }
            throw new CheckpointException("the chat template fails in line " + error.getLineno() + " (" + XOmniException.firstLine(error.getMessage())
                    + "); restore it from the original checkpoint", error.getException());
        }
        return result.getOutput();
    }

    /** Two characters of the private use area that occur neither in the template nor in the messages. */
    private char[] unusedCharacters(List<Message> messages) {
        boolean[] used = new boolean[Character.MAX_VALUE + 1];
        template.chars().forEach(c -> used[c] = true);
        for (Message message : messages) {
            for (Span span : message.content()) {
                switch (span) {
                    case Span.Plain(String text) -> text.chars().forEach(c -> used[c] = true);
                    case Span.Trusted(String text) -> text.chars().forEach(c -> used[c] = true);
                    case Span.Ids _ -> { }
                }
            }
        }
        StringBuilder free = new StringBuilder();
        for (char c = '\uE000'; c <= '\uF8FF' && free.length() < 2; c++) {
            if (!used[c]) {
                free.append(c);
            }
        }
        if (free.length() < 2) {
            throw new InputException("the messages use all 6400 private use characters of Unicode (U+E000 to U+F8FF); remove some");
        }
        return free.toString().toCharArray();
    }

    /** Puts breakers into a text, so that no control token can hold one of its non-blank characters. */
    private static String breakUp(String text, char breaker, ControlTokens control) {
        int start = text.length() - text.stripLeading().length();
        int end = text.stripTrailing().length();
        if (start >= end) {
            return text;
        }
        StringBuilder broken = new StringBuilder(text.length() + 16).append(text, 0, start).append(breaker);
        for (int i = start; i < end; i++) {
            broken.append(text.charAt(i));
            if (control.lengthAt(text, i) > 1) {
                broken.append(breaker);
            }
        }
        return broken.append(breaker).append(text, end, text.length()).toString();
    }

    private static String fromConfig(JsonNode node, Path config) {
        if (node.isString()) {
            return node.stringValue();
        }
        for (JsonNode entry : node) {
            if (entry.path("name").asString("").equals("default") && entry.path("template").isString()) {
                return entry.path("template").stringValue();
            }
        }
        throw new CheckpointException(config + " has no chat_template; add it, or a chat_template.jinja, from the original checkpoint");
    }

    /** A template said no. */
    private static final class Refusal extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Refusal(String message) {
            super(message);
        }
    }
}
