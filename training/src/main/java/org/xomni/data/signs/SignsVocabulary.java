package org.xomni.data.signs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;
import org.xomni.text.ByteLevel;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of the signs world: byte-level BPE in the Qwen2 format, so any text encodes. A word of the wording files is one token
 * together with the space before it; everything else is single bytes, so that the letters of a quoted word can be seen. There are no
 * merges: a word is either in the vocabulary as a whole ({@code ignore_merges}) or spelt, never half of each.
 *
 * <p>What escapes this: the second word of a quote, if it is in lower case and a word of the world ({@code "go left"}), which the
 * Qwen2 split cannot tell from one outside of quotes, and the role names of the chat template.
 *
 * <p>Ids: bytes 0..255, {@code <|endoftext|>} 256, {@code <|im_start|>} 257, {@code <|im_end|>} 258, words from 259; from {@code
 * vocab_size} on the image tokens, then {@code <SOM>}, {@code <EOM>}, {@code <IMAGE>}.
 */
public final class SignsVocabulary {
    private static final int BYTES = 256;
    private static final List<String> SPECIAL = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");
    private static final List<String> IMAGE_SPECIAL = List.of("<SOM>", "<EOM>", "<IMAGE>");
    /** They follow a control token, so no space stands before them. */
    private static final List<String> ROLES = List.of("assistant", "system", "user");
    private static final String SYSTEM_PROMPT = "You are a helpful assistant.";
    /** Qwen2's, with one digit to a token. */
    private static final String SPLIT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String CHAT_TEMPLATE = "{%- for message in messages -%}{%- if loop.first and message['role'] != 'system' -%}"
            + "{{- '<|im_start|>system\\n" + SYSTEM_PROMPT + "<|im_end|>\\n' -}}{%- endif -%}"
            + "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}{%- endfor -%}"
            + "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

    private SignsVocabulary() {}

    /** The tokens that are more than a byte, in the order of their ids: words with a space before them, opening quotes, role names. */
    public static List<String> words() {
        TreeSet<String> words = new TreeSet<>();
        words.addAll(Captions.WORDING.words());
        words.addAll(Questions.WORDING.words());
        words.add(Captions.AN);
        Stream.of(Colour.values()).map(Colour::word).forEach(words::add);
        Stream.of(Shape.Kind.values()).map(Shape.Kind::word).forEach(words::add);
        Stream.of(SYSTEM_PROMPT.split("[ .]")).forEach(words::add);
        return Stream.of(words.stream().map(w -> " " + w), Stream.of(" \"", " '"), ROLES.stream())
                .flatMap(s -> s)
                .toList();
    }

    /** The smallest {@code vocab_size} that holds all words. */
    public static int minSize() {
        return BYTES + SPECIAL.size() + words().size();
    }

    /**
     * Writes {@code tokenizer.json} and {@code tokenizer_config.json} into a model folder.
     *
     * @param vocabSize the configuration's {@code vocab_size}: the id of the first image token
     * @param imageVocabSize how many image tokens there are
     * @throws InputException if {@code vocabSize} is too small, or {@code imageVocabSize} is not positive
     */
    public static void write(Path modelFolder, int vocabSize, int imageVocabSize) {
        if (vocabSize < minSize()) {
            throw new InputException("a vocab_size of " + vocabSize + " does not hold the " + minSize()
                    + " tokens of the signs world; set it to " + minSize() + " or more in config.json");
        }
        if (imageVocabSize < 1) {
            throw new InputException("an image vocabulary cannot have " + imageVocabSize + " tokens; set image_vocab_size to 1 or more");
        }
        write(modelFolder.resolve("tokenizer.json"), tokenizer(vocabSize, imageVocabSize));
        write(modelFolder.resolve("tokenizer_config.json"), settings());
    }

    private static ObjectNode tokenizer(int vocabSize, int imageVocabSize) {
        ObjectNode root = Json.mapper().createObjectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (int i = 0; i < SPECIAL.size(); i++) {
            add(added, BYTES + i, SPECIAL.get(i));
        }
        for (int k = 0; k < imageVocabSize; k++) {
            add(added, vocabSize + k, "<MM-Token-" + k + ">");
        }
        for (int i = 0; i < IMAGE_SPECIAL.size(); i++) {
            add(added, vocabSize + imageVocabSize + i, IMAGE_SPECIAL.get(i));
        }
        root.putObject("normalizer").put("type", "NFC");
        ArrayNode steps = root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        steps.addObject().put("type", "Split").put("behavior", "Isolated").put("invert", false).putObject("pattern").put("Regex", SPLIT);
        byteLevel(steps.addObject(), false, true, false);
        byteLevel(root.putObject("post_processor"), true, false, true);
        byteLevel(root.putObject("decoder"), true, true, true);
        ObjectNode model = root.putObject("model").put("type", "BPE").putNull("dropout").putNull("unk_token")
                .putNull("continuing_subword_prefix").putNull("end_of_word_suffix")
                .put("fuse_unk", false).put("byte_fallback", false).put("ignore_merges", true);
        ObjectNode vocab = model.putObject("vocab");
        for (int b = 0; b < BYTES; b++) {
            vocab.put(String.valueOf(ByteLevel.symbol(b)), b);
        }
        int id = BYTES + SPECIAL.size();
        for (String word : words()) {
            vocab.put(symbols(word), id++);
        }
        model.putArray("merges");
        return root;
    }

    private static ObjectNode settings() {
        return Json.mapper().createObjectNode()
                .put("tokenizer_class", "Qwen2Tokenizer")
                .put("model_max_length", 2048)
                .put("pad_token", SPECIAL.get(0))
                .put("eos_token", SPECIAL.get(2))
                .putNull("unk_token")
                .putNull("bos_token")
                .put("clean_up_tokenization_spaces", false)
                .put("errors", "replace")
                .put("chat_template", CHAT_TEMPLATE);
    }

    private static void add(ArrayNode tokens, int id, String content) {
        tokens.addObject().put("id", id).put("content", content).put("single_word", false).put("lstrip", false).put("rstrip", false)
                .put("normalized", false).put("special", true);
    }

    private static void byteLevel(ObjectNode node, boolean addPrefixSpace, boolean trimOffsets, boolean useRegex) {
        node.put("type", "ByteLevel").put("add_prefix_space", addPrefixSpace).put("trim_offsets", trimOffsets).put("use_regex", useRegex);
    }

    private static String symbols(String text) {
        StringBuilder symbols = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            symbols.append(ByteLevel.symbol(b & 0xFF));
        }
        return symbols.toString();
    }

    private static void write(Path file, ObjectNode content) {
        Path partial = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            try {
                Files.writeString(partial, Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n");
                Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw new XOmniException(file + " cannot be written (" + e
                    + "); check that the folder exists, its permissions and the free space", e);
        }
    }
}
