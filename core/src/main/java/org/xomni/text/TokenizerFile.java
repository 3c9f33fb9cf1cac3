package org.xomni.text;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The contents of a byte-level BPE {@code tokenizer.json}, checked.
 *
 * @param file where it was read
 * @param vocabulary BPE tokens in the byte alphabet, with their ids
 * @param added added tokens as written, with the ids that the file gives them
 * @param plainJson the same tokenizer without any added token, for the native library: its merges cannot make one
 */
record TokenizerFile(Path file, Map<String, Integer> vocabulary, Map<String, Integer> added, String plainJson) {
    /** Far above any vocabulary (Qwen2.5: 151,665 and 16,384 image tokens), far below what would exhaust the memory. */
    private static final int MAX_ID = 1 << 22;
    private static final Set<String> NORMALIZERS = Set.of("Sequence", "NFC", "NFD", "NFKC", "NFKD");
    private static final Set<String> PRE_TOKENIZERS = Set.of("Sequence", "Split", "ByteLevel");

    static TokenizerFile read(Path file) {
        ObjectNode root = (ObjectNode) Json.readObject(file);
        if (!(root.get("model") instanceof ObjectNode model) || !"BPE".equals(model.path("type").asString(""))
                || !(model.get("vocab") instanceof ObjectNode vocab) || !(model.get("merges") instanceof ArrayNode)) {
            throw wrong(file, "it has no model of type BPE with a vocab and merges");
        }
        allowOnly(file, root, "normalizer", NORMALIZERS);
        if (!allowOnly(file, root, "pre_tokenizer", PRE_TOKENIZERS).contains("ByteLevel")) {
            throw wrong(file, "its pre_tokenizer is not byte-level");
        }
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        Set<Integer> ids = new HashSet<>();
        for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
            int id = id(entry.getValue()).orElseThrow(() -> wrong(file, "vocab gives '" + entry.getKey() + "' the id " + entry.getValue()));
            if (!ids.add(id)) {
                throw wrong(file, "vocab gives the id " + id + " twice");
            }
            vocabulary.put(entry.getKey(), id);
        }
        for (int b = 0; b < 256; b++) {
            if (!vocabulary.containsKey(String.valueOf(ByteLevel.symbol(b)))) {
                throw wrong(file, "vocab has no token for the byte " + b);
            }
        }
        Map<String, Integer> added = new HashMap<>();
        readAdded(file, root.path("added_tokens"), added);
        return new TokenizerFile(file, vocabulary, added, plainJson(root, new HashSet<>(added.values())));
    }

    /**
     * The types of a part of the tokenizer, which must be among those known. An unknown one cannot be tried: a file that makes the native
     * library panic takes the JVM with it. For the same reason every character map is checked.
     */
    static Set<String> allowOnly(Path file, ObjectNode root, String part, Set<String> known) {
        Set<String> types = new TreeSet<>();
        collectTypes(file, root.path(part), types);
        if (!known.containsAll(types)) {
            throw wrong(file, "its " + part + " is made of " + types + ", but only " + new TreeSet<>(known) + " are known");
        }
        return types;
    }

    private static void collectTypes(Path file, JsonNode node, Set<String> types) {
        String type = node.path("type").asString("");
        if (node.has("type")) {
            types.add(type);
        }
        if (node.has("precompiled_charsmap") || type.equals("Precompiled")) {
            CharacterMap.check(file, node.path("precompiled_charsmap").asString(""));
        }
        node.forEach(child -> collectTypes(file, child, types));
    }

    static CheckpointException wrong(Path file, String what) {
        return new CheckpointException(file + " is not a usable tokenizer: " + what + "; restore it from the original checkpoint");
    }

    private static void readAdded(Path file, JsonNode tokens, Map<String, Integer> added) {
        for (JsonNode token : tokens) {
            String content = token.path("content").asString("");
            int id = id(token.path("id")).orElseThrow(() -> wrong(file, "added token '" + content + "' has the id " + token.path("id")));
            if (content.isEmpty()) {
                throw wrong(file, "the added token " + id + " is empty");
            }
            for (String flag : List.of("lstrip", "rstrip", "single_word")) {
                if (token.path(flag).asBoolean(false)) {
                    throw wrong(file, "added token '" + content + "' sets " + flag + ", which this format (Qwen2) does not have");
                }
            }
            if (added.put(content, id) != null) {
                throw wrong(file, "added token '" + content + "' appears twice");
            }
        }
        if (new HashSet<>(added.values()).size() != added.size()) {
            throw wrong(file, "two added tokens share an id");
        }
    }

    /** A new document of the checked parts: nothing else of the file reaches the native library. */
    private static String plainJson(ObjectNode root, Set<Integer> addedIds) {
        JsonNode model = root.path("model");
        ObjectNode plain = Json.mapper().createObjectNode().put("version", "1.0");
        plain.putArray("added_tokens");
        plain.set("normalizer", root.get("normalizer"));
        plain.set("pre_tokenizer", root.get("pre_tokenizer"));
        ObjectNode bpe = plain.putObject("model").put("type", "BPE").put("ignore_merges", model.path("ignore_merges").asBoolean(false));
        ObjectNode vocab = (ObjectNode) model.get("vocab");
        bpe.set("vocab", vocab);
        // Some files list added tokens in the vocabulary too. Single bytes stay: without them text could not be written.
        Set<String> hidden = new HashSet<>();
        for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
            if (entry.getKey().length() > 1 && addedIds.contains(entry.getValue().intValue())) {
                hidden.add(entry.getKey());
            }
        }
        vocab.remove(hidden);
        ArrayNode merges = bpe.putArray("merges");
        for (JsonNode merge : model.get("merges")) {
            if (hidden.isEmpty() || !makes(hidden, merge)) {
                merges.add(merge);
            }
        }
        return Json.mapper().writeValueAsString(plain);
    }

    /** Whether a merge, written {@code ["a", "b"]} or {@code "a b"}, takes or makes one of these tokens. */
    private static boolean makes(Set<String> tokens, JsonNode merge) {
        String[] pair = merge.isArray()
                ? new String[] {merge.path(0).asString(""), merge.path(1).asString("")}
                : merge.asString("").split(" ", -1);
        return pair.length == 2 && (tokens.contains(pair[0]) || tokens.contains(pair[1]) || tokens.contains(pair[0] + pair[1]));
    }

    private static OptionalInt id(JsonNode node) {
        boolean fits = node.isIntegralNumber() && node.canConvertToInt() && node.intValue() >= 0 && node.intValue() < MAX_ID;
        return fits ? OptionalInt.of(node.intValue()) : OptionalInt.empty();
    }
}
