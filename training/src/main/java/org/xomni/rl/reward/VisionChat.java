package org.xomni.rl.reward;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.JsonNode;

/**
 * A vision-language model that is asked about each picture, as Qwen2.5-VL-32B judges alignment in the paper: any endpoint that speaks OpenAI's chat completions
 * ({@code POST .../v1/chat/completions}), such as vLLM's.
 */
public final class VisionChat implements Reward {
    private static final Pattern SLOT = Pattern.compile("\\{(prompt|text)}");

    private final JsonHttp http;
    private final Form form;
    private final Pattern score;
    private final Threads threads;

    /**
     * What is asked and how the answer is read.
     *
     * @param model the server's name of the model
     * @param question {@code {prompt}} and {@code {text}} in it become the prompt and the text asked for
     * @param score a regular expression whose first group is the number; its last match in the answer counts, after any reasoning. A second group, where it has one and it matches, is what the
     *     number is out of, which must be {@code most}
     * @param least the number that becomes 0
     * @param most the number that becomes 1
     * @param maxTokens of an answer
     * @param parallel requests at once
     */
    record Form(String model, String question, String score, double least, double most, int maxTokens, int parallel) {
        Form {
            if (!(least < most) || maxTokens < 1 || parallel < 1) {
                throw new InputException("least " + least + " must be below most " + most + ", max-tokens " + maxTokens + " and parallel " + parallel
                        + " at least 1");
            }
        }
    }

    /** @param key a bearer token, or null */
    VisionChat(String url, @Nullable String key, Form form, JsonHttp.Patience patience) {
        this.score = pattern(form.score());
        this.http = new JsonHttp(url, key, patience);
        this.form = form;
        this.threads = new Threads("vision-chat", form.parallel());
    }

    /** @throws InputException if the URL or the expression cannot be used */
    static void check(String url, String score) {
        JsonHttp.check(url);
        Pattern unused = pattern(score);
    }

    private static Pattern pattern(String regex) {
        try {
            Pattern pattern = Pattern.compile(regex);
            if (pattern.matcher("").groupCount() < 1) {
                throw new InputException("score '" + regex + "' has no group; put the number in parentheses");
            }
            return pattern;
        } catch (PatternSyntaxException e) {
            throw new InputException("score '" + regex + "' is no regular expression (" + e.getDescription() + ")", e);
        }
    }

    /** The question about a picture. */
    static String question(String template, Prompt prompt) {
        Map<String, String> slots = Map.of("prompt", prompt.text(), "text", prompt.written().orElse(""));
        return SLOT.matcher(template).replaceAll(slot -> Matcher.quoteReplacement(slots.getOrDefault(slot.group(1), "")));
    }

    @Override
    public boolean isRemote() {
        return true;
    }

    /** A question about the text asked for has no sense where none is. */
    @Override
    public boolean judges(Prompt prompt) {
        return !form.question().contains("{text}") || prompt.written().isPresent();
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        return threads.score(drawn, this::score);
    }

    private double score(Drawn drawn) {
        List<Map<String, Object>> content = new ArrayList<>();
        content.add(Map.of("type", "image_url", "image_url", Map.of("url", "data:image/png;base64," + JsonHttp.base64(drawn.picture()))));
        content.add(Map.of("type", "text", "text", question(form.question(), drawn.prompt())));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("model", form.model());
        body.put("temperature", 0);
        body.put("max_tokens", form.maxTokens());
        body.put("messages", List.of(Map.of("role", "user", "content", content)));
        JsonNode answer = http.post(body);
        JsonNode said = answer.path("choices").path(0).path("message").path("content");
        if (!said.isString()) {
            throw new XOmniException("the answer has no choices[0].message.content: " + JsonHttp.excerpt(answer.toString()) + "; check the url");
        }
        if ("length".equals(answer.path("choices").path(0).path("finish_reason").asString(""))) {
            throw new XOmniException("the model's answer was cut after max-tokens " + form.maxTokens() + ", before its score may have come: "
                    + JsonHttp.excerpt(said.asString()) + "; raise max-tokens");
        }
        return (number(said.asString()) - form.least()) / (form.most() - form.least());
    }

    private double number(String said) {
        String found = null;
        String outOf = null;
        for (Matcher matcher = score.matcher(said); matcher.find(); ) {
            found = matcher.group(1);
            outOf = matcher.groupCount() > 1 ? matcher.group(2) : null;
        }
        try {
            double number = found == null ? Double.NaN : Double.parseDouble(found);
            boolean ofThisScale = outOf == null || Double.parseDouble(outOf) == form.most();
            if (ofThisScale && number >= form.least() && number <= form.most()) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below: the group may hold anything.
        }
        throw new XOmniException("the model says " + JsonHttp.excerpt(said) + ", expected a number from " + form.least() + " to " + form.most() + " as '"
                + score + "' finds it; ask more clearly or change the expression");
    }

    @Override
    public void close() {
        http.close();
    }
}
