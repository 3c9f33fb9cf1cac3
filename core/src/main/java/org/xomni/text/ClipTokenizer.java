package org.xomni.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of FLUX's CLIP text encoder, from the published {@code vocab.json} and {@code merges.txt}. The source is transformers'
 * {@code CLIPTokenizer} as it works without ftfy: text is cleaned (control characters dropped, Chinese characters set apart, NFC, lower
 * case) and then cut into byte-level BPE whose words end with {@code </w>}. One thing differs: the reference recognises
 * {@code <|startoftext|>} and {@code <|endoftext|>} in a prompt; here a prompt is only text and they are ordinary characters. (Java also
 * lowers a final capital sigma by slightly other rules than Python where it follows something that is no Greek letter.)
 *
 * <p>Thread-safe. The native library is loaded at the first encoding.
 */
public final class ClipTokenizer implements AutoCloseable {
    /** Ids in every result, unless {@code tokenizer_config.json} says less. */
    private static final int LENGTH = 77;

    private static final String BEGIN = "<|startoftext|>";
    private static final String END = "<|endoftext|>";
    private static final String WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+";
    private static final int MAX_MERGES = 49152 - 256 - 2;
    /** The blocks of CJK ideographs that BERT's tokenizer names. */
    private static final int[][] CHINESE = {
        {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2CEAF}, {0x2F800, 0x2FA1F}
    };

    private final Path folder;
    private final ObjectNode vocabulary;
    private final int begin;
    private final int end;
    private final int length;
    private @Nullable NativeTokenizer words;

    private ClipTokenizer(Path folder, ObjectNode vocabulary) {
        this.folder = folder;
        this.vocabulary = vocabulary;
        length = length(folder);
        begin = takeId(BEGIN);
        end = takeId(END);
        for (int b = 0; b < 256; b++) {
            String symbol = String.valueOf(ByteLevel.symbol(b));
            if (!vocabulary.has(symbol) || !vocabulary.has(symbol + "</w>")) {
                throw TokenizerFile.wrong(folder.resolve("vocab.json"), "it has no token for the byte " + b);
            }
        }
    }

    /**
     * Reads {@code vocab.json} and {@code merges.txt} of a FLUX {@code tokenizer} folder.
     *
     * @throws CheckpointException if one is missing or corrupt
     */
    public static ClipTokenizer load(Path folder) {
        return new ClipTokenizer(folder, (ObjectNode) Json.readObject(folder.resolve("vocab.json")));
    }

    /** Ids of a prompt: {@code model_max_length} of {@code tokenizer_config.json}, where it is there and says so, or 77. */
    public static int length(Path folder) {
        Path file = folder.resolve("tokenizer_config.json");
        JsonNode most = Files.isRegularFile(file) ? Json.readObject(file).path("model_max_length") : MissingNode.getInstance();
        return most.isInt() && most.asInt() > 2 ? Math.min(LENGTH, most.asInt()) : LENGTH;
    }

    /** Encodes a prompt: begin, what fits of it, end, and the end token again up to {@link #length}. */
    public int[] encode(String prompt) {
        int[] text = words().encode(clean(prompt));
        int[] ids = new int[length];
        Arrays.fill(ids, end);
        ids[0] = begin;
        System.arraycopy(text, 0, ids, 1, Math.min(text.length, length - 2));
        return ids;
    }

    @Override
    public synchronized void close() {
        if (words != null) {
            words.close();
        }
    }

    /** Cleaned text: words separated by one space. */
    static String clean(String text) {
        String spaced = text.codePoints()
                .filter(c -> c != 0 && c != 0xFFFD && !isControl(c))
                .mapToObj(c -> isBlank(c) ? " " : isChinese(c) ? " " + Character.toString(c) + " " : Character.toString(c))
                .collect(Collectors.joining());
        return Arrays.stream(Normalizer.normalize(spaced, Normalizer.Form.NFC).split("[ \\u2028\\u2029]+", -1))
                .filter(word -> !word.isEmpty())
                .map(word -> word.toLowerCase(Locale.ROOT))
                .collect(Collectors.joining(" "));
    }

    private static boolean isBlank(int c) {
        return c == '\t' || c == '\n' || c == '\r' || Character.getType(c) == Character.SPACE_SEPARATOR;
    }

    private static boolean isControl(int c) {
        return !isBlank(c) && switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED -> true;
            default -> false;
        };
    }

    private static boolean isChinese(int c) {
        for (int[] block : CHINESE) {
            if (c >= block[0] && c <= block[1]) {
                return true;
            }
        }
        return false;
    }

    private int takeId(String token) {
        JsonNode id = vocabulary.remove(token);
        if (id == null || !id.isIntegralNumber() || !id.canConvertToInt()) {
            throw TokenizerFile.wrong(folder.resolve("vocab.json"), "it has no token " + token);
        }
        return id.intValue();
    }

    private synchronized NativeTokenizer words() {
        if (words == null) {
            words = NativeTokenizer.of(nativeJson(), folder.resolve("vocab.json"));
        }
        return words;
    }

    /** The two files as one {@code tokenizer.json} for the native library. */
    private String nativeJson() {
        ObjectNode root = Json.mapper().createObjectNode().put("version", "1.0");
        root.putArray("added_tokens");
        ArrayNode steps = root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        steps.addObject().put("type", "Split").put("behavior", "Removed").put("invert", true).putObject("pattern").put("Regex", WORDS);
        steps.addObject().put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", false);
        ObjectNode model = root.putObject("model").put("type", "BPE").put("end_of_word_suffix", "</w>");
        model.set("vocab", vocabulary);
        ArrayNode merges = model.putArray("merges");
        readMerges().forEach(merges::add);
        return Json.mapper().writeValueAsString(root);
    }

    private List<String> readMerges() {
        Path file = folder.resolve("merges.txt");
        // The first line is the version; the reference reads no more than the published number of merges.
        try (Stream<String> lines = Files.lines(file)) {
            return lines.skip(1).limit(MAX_MERGES).filter(line -> !line.isBlank()).toList();
        } catch (IOException | UncheckedIOException e) {
            throw new CheckpointException(file + " is missing or not UTF-8 text; restore it from the original checkpoint", e);
        }
    }
}
