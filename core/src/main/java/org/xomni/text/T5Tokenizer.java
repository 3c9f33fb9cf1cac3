package org.xomni.text;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of FLUX's T5 text encoder: the unigram model of {@code tokenizer_2/tokenizer.json}. A prompt is only text: {@code </s>} or
 * {@code <extra_id_0>} in it are ordinary characters.
 *
 * <p>Thread-safe. The native library is loaded at the first encoding.
 */
public final class T5Tokenizer implements AutoCloseable {
    /** Ids in every result. */
    public static final int LENGTH = 512;

    private static final String END = "</s>";
    private static final String PAD = "<pad>";
    private static final Set<String> NORMALIZERS = Set.of("Sequence", "Precompiled", "Replace", "Strip", "NFC", "NFD", "NFKC", "NFKD");
    private static final Set<String> PRE_TOKENIZERS = Set.of("Sequence", "Metaspace", "WhitespaceSplit");

    private final Path file;
    private final int end;
    private final int pad;
    private @Nullable String plainJson;
    private @Nullable NativeTokenizer plain;

    private T5Tokenizer(Path file, ObjectNode root) {
        this.file = file;
        if (!(root.get("model") instanceof ObjectNode model) || !"Unigram".equals(model.path("type").asString(""))
                || !(model.get("vocab") instanceof ArrayNode vocabulary)) {
            throw TokenizerFile.wrong(file, "it has no model of type Unigram with a vocab");
        }
        TokenizerFile.allowOnly(file, root, "normalizer", NORMALIZERS);
        if (!TokenizerFile.allowOnly(file, root, "pre_tokenizer", PRE_TOKENIZERS).contains("Metaspace")) {
            throw TokenizerFile.wrong(file, "its pre_tokenizer is not Metaspace");
        }
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < vocabulary.size(); id++) {
            ids.putIfAbsent(vocabulary.get(id).path(0).asString(""), id);
        }
        end = idOf(END, ids);
        pad = idOf(PAD, ids);
        hideControlTokens(root, vocabulary);
        plainJson = Json.mapper().writeValueAsString(root);
    }

    /**
     * Reads {@code tokenizer.json} of a FLUX {@code tokenizer_2} folder.
     *
     * @throws CheckpointException if it is missing, corrupt or no unigram tokenizer
     */
    public static T5Tokenizer load(Path folder) {
        Path file = folder.resolve("tokenizer.json");
        return new T5Tokenizer(file, (ObjectNode) Json.readObject(file));
    }

    /** Encodes a prompt: at most 511 tokens, the end token, and padding up to {@link #LENGTH}. */
    public int[] encode(String prompt) {
        int[] text = plain().encode(prompt);
        int length = Math.min(text.length, LENGTH - 1);
        int[] ids = new int[LENGTH];
        Arrays.fill(ids, pad);
        System.arraycopy(text, 0, ids, 0, length);
        ids[length] = end;
        return ids;
    }

    @Override
    public synchronized void close() {
        if (plain != null) {
            plain.close();
        }
    }

    private int idOf(String token, Map<String, Integer> ids) {
        Integer id = ids.get(token);
        if (id == null) {
            throw TokenizerFile.wrong(file, "it has no token " + token);
        }
        return id;
    }

    /** The unigram vocabulary holds the control tokens as pieces: there they get a space, which Metaspace leaves in no text. */
    private static void hideControlTokens(ObjectNode root, ArrayNode vocabulary) {
        Set<String> hidden = new HashSet<>(Set.of(END, PAD));
        for (JsonNode token : root.path("added_tokens")) {
            hidden.add(token.path("content").asString(""));
        }
        for (JsonNode piece : vocabulary) {
            if (piece instanceof ArrayNode pair && hidden.contains(pair.path(0).asString(""))) {
                pair.set(0, " " + pair.path(0).asString(""));
            }
        }
        root.remove(List.of("truncation", "padding", "post_processor", "decoder"));
        root.putArray("added_tokens");
    }

    private synchronized NativeTokenizer plain() {
        if (plain == null) {
            plain = NativeTokenizer.of(Objects.requireNonNull(plainJson), file);
            plainJson = null;
        }
        return plain;
    }
}
