package org.xomni.train;

import java.nio.file.Path;
import java.util.List;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A language model's {@code tokenizer.json} with the tokens of images: from {@code vocab_size} on {@code <MM-Token-k>}, then {@code <SOM>},
 * {@code <EOM>}, {@code <IMAGE>}. Ids between the language model's last and {@code vocab_size}, which its embedding has for padding, get
 * tokens that nothing writes: the reference's library numbers added tokens one after the other, whatever ids the file gives.
 */
final class ImageVocabulary {
    /** They begin an image, end it, and end its header. */
    static final List<String> SPECIAL = List.of("<SOM>", "<EOM>", "<IMAGE>");

    private ImageVocabulary() {}

    /**
     * Reads a tokenizer and adds the tokens.
     *
     * @param vocabSize the language model's {@code vocab_size}
     * @param codes how many image tokens there are
     * @throws InputException if the tokenizer has ids from {@code vocabSize} on, or image tokens already
     */
    static ObjectNode extended(Path tokenizer, int vocabSize, int codes) {
        ObjectNode root = (ObjectNode) Json.readObject(tokenizer).deepCopy();
        int next = 1 + lastId(root);
        if (next > vocabSize) {
            throw new InputException(tokenizer + " has the id " + (next - 1) + ", expected ids below vocab_size " + vocabSize
                    + "; name the tokenizer and config.json of one language model");
        }
        ArrayNode added = root.path("added_tokens") instanceof ArrayNode there ? there : root.putArray("added_tokens");
        for (JsonNode token : added) {
            String content = token.path("content").asString("");
            if (SPECIAL.contains(content) || content.startsWith("<MM-Token-")) {
                throw new InputException(tokenizer + " has the token " + content + " already; name a language model that has no images");
            }
        }
        for (int id = next; id < vocabSize; id++) {
            add(added, id, "<|unused-" + id + "|>");
        }
        for (int k = 0; k < codes; k++) {
            add(added, vocabSize + k, "<MM-Token-" + k + ">");
        }
        for (int i = 0; i < SPECIAL.size(); i++) {
            add(added, vocabSize + codes + i, SPECIAL.get(i));
        }
        return root;
    }

    private static int lastId(ObjectNode root) {
        int last = -1;
        for (JsonNode id : root.path("model").path("vocab")) {
            last = Math.max(last, id.asInt(-1));
        }
        for (JsonNode token : root.path("added_tokens")) {
            last = Math.max(last, token.path("id").asInt(-1));
        }
        return last;
    }

    private static void add(ArrayNode tokens, int id, String content) {
        tokens.addObject().put("id", id).put("content", content).put("single_word", false).put("lstrip", false).put("rstrip", false)
                .put("normalized", false).put("special", true);
    }
}
