package org.xomni.rl.prompt;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.xomni.data.Permutation;
import org.xomni.data.Seeds;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * Prompts from a file, in a new order in each epoch: one a line as plain text, or, in a {@code .jsonl} file, as
 * {@code {"prompt": "...", "text": "what shall be written", "height": 1152, "width": 1152}}, of which only the prompt must be there.
 *
 * @param prompts at least one
 * @param seed of the order
 */
public record FilePrompts(List<Prompt> prompts, long seed) implements PromptSource {

    /**
     * Reads a file.
     *
     * @param height in pixels of what says no size
     * @param width in pixels
     * @throws InputException naming the first line that cannot be used
     */
    public static FilePrompts read(Path file, long seed, int height, int width) {
        boolean json = file.toString().endsWith(".jsonl");
        List<Prompt> prompts = new ArrayList<>();
        try {
            int number = 0;
            for (String line : Files.readAllLines(file)) {
                number++;
                if (!line.isBlank()) {
                    prompts.add(json ? parse(file + ", line " + number, line, height, width) : Prompt.of(line.strip(), height, width));
                }
            }
        } catch (CharacterCodingException e) {
            throw new InputException(file + " is not UTF-8 text; save it as UTF-8", e);
        } catch (IOException e) {
            throw new InputException(file + " cannot be read (" + e + "); name a file with one prompt a line", e);
        }
        if (prompts.isEmpty()) {
            throw new InputException(file + " has no prompts; write one a line");
        }
        return new FilePrompts(List.copyOf(prompts), seed);
    }

    private static Prompt parse(String where, String line, int height, int width) {
        try {
            JsonNode json = Json.mapper().readTree(line);
            JsonNode text = json.path("text");
            if (!json.path("prompt").isString() || !(text.isMissingNode() || text.isString())) {
                throw new InputException(where + " has no \"prompt\", or a \"text\" that is no string; write {\"prompt\": \"...\", \"text\": \"...\"}");
            }
            return new Prompt(
                    json.path("prompt").asString(), side(where, json.path("height"), height), side(where, json.path("width"), width),
                    text.isString() && !text.asString().isBlank() ? Optional.of(text.asString()) : Optional.empty(), Optional.empty());
        } catch (JacksonException e) {
            throw new InputException(where + " is no JSON object (" + e.getOriginalMessage() + "); write {\"prompt\": \"...\"}", e);
        }
    }

    private static int side(String where, JsonNode pixels, int otherwise) {
        if (!pixels.isMissingNode() && !pixels.isInt()) {
            throw new InputException(where + " has a side of " + pixels + ", which is no whole number of pixels; write \"height\": 128, or leave it out");
        }
        return pixels.asInt(otherwise);
    }

    /** The sizes that its pictures have. */
    Set<PromptRecipe.Size> sizes() {
        return prompts.stream().map(p -> new PromptRecipe.Size(p.height(), p.width())).collect(Collectors.toSet());
    }

    @Override
    public void requireWithoutRepetition(long count) {
        if (count > prompts.size()) {
            throw new InputException(count + " prompts of a file are to be measured, and it has " + prompts.size() + "; ask for fewer, or write more");
        }
    }

    @Override
    public Prompt prompt(long index) {
        long n = prompts.size();
        return prompts.get((int) new Permutation(n, Seeds.mix(seed, index / n)).at(index % n));
    }
}
