package org.xomni.rl.reward;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.JsonNode;

/**
 * A server that scores pictures for prompts: {@code POST url} with {@code {"images": ["PNG in base64", ...], "texts": ["prompt", ...]}}, answered by
 * {@code {"scores": [0.5, ...]}}, one number for each picture. A server may give several lists, of which {@code field} names the one that counts. A server that
 * reads pictures, such as one with GOT-OCR2.0, is sent what shall be written instead of the prompt, and asked about prompts alone that say so.
 */
public final class ScoreServer implements Reward {
    private final JsonHttp http;
    private final Texts texts;
    private final String field;
    private final int batch;

    /** What stands in {@code texts}. */
    enum Texts {
        /** The prompt. */
        PROMPT,
        /** All text that the picture shall have, lines separated by line feeds. */
        WRITTEN
    }

    /**
     * A server.
     *
     * @param key a bearer token, or null
     * @param field name of the list of scores
     * @param batch pictures in one request, at most
     */
    ScoreServer(String url, @Nullable String key, Texts texts, String field, int batch, JsonHttp.Patience patience) {
        check(batch);
        this.http = new JsonHttp(url, key, patience);
        this.texts = texts;
        this.field = field;
        this.batch = batch;
    }

    static void check(int batch) {
        if (batch < 1) {
            throw new InputException("a batch of " + batch + " pictures is none; use at least 1");
        }
    }

    @Override
    public boolean isRemote() {
        return true;
    }

    @Override
    public boolean judges(Prompt prompt) {
        return texts == Texts.PROMPT || prompt.written().isPresent();
    }

    private String text(Prompt prompt) {
        return switch (texts) {
            case PROMPT -> prompt.text();
            case WRITTEN -> prompt.written().orElseThrow();
        };
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        double[] scores = new double[drawn.size()];
        for (int from = 0; from < scores.length; from += batch) {
            List<Drawn> some = drawn.subList(from, Math.min(scores.length, from + batch));
            JsonNode answer = http.post(Map.of(
                    "images", some.stream().map(d -> JsonHttp.base64(d.picture())).toList(),
                    "texts", some.stream().map(d -> text(d.prompt())).toList()));
            JsonNode list = answer.path(field);
            if (!list.isArray() || list.size() != some.size()) {
                throw new XOmniException("the answer has " + (list.isArray() ? list.size() + " numbers" : "no list") + " in '" + field + "', expected "
                        + some.size() + ": " + JsonHttp.excerpt(answer.toString()) + "; mend the server or name another field");
            }
            for (int i = 0; i < some.size(); i++) {
                // What is no number stays NaN, which the caller refuses with the prompt's name.
                scores[from + i] = list.get(i).isNumber() ? list.get(i).asDouble() : Double.NaN;
            }
        }
        return scores;
    }

    @Override
    public void close() {
        http.close();
    }
}
