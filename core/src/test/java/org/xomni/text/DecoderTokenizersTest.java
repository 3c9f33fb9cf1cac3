package org.xomni.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.CheckpointException;
import tools.jackson.databind.JsonNode;

/** CLIP's and T5's tokenizers. */
class DecoderTokenizersTest {
    private static final Path CLIP = Goldens.EN.resolve("flux/tokenizer");
    private static final Path T5 = Goldens.EN.resolve("flux/tokenizer_2");
    private static ClipTokenizer clip;
    private static T5Tokenizer t5;

    @BeforeAll
    static void load() {
        clip = ClipTokenizer.load(CLIP);
        t5 = T5Tokenizer.load(T5);
    }

    @AfterAll
    static void close() {
        clip.close();
        t5.close();
    }

    @Test
    void promptsAreEncodedAsTheReference() {
        JsonNode prompts = Goldens.of("tiny-en").path("prompts");
        assertThat(prompts).isNotEmpty();
        for (JsonNode c : prompts) {
            String prompt = c.path("prompt").stringValue();
            assertThat(clip.encode(prompt)).as(prompt).isEqualTo(Goldens.ids(c.path("clip_ids")));
            int[] ids = t5.encode(prompt);
            assertThat(ids).as(prompt).isEqualTo(Goldens.ids(c.path("t5_ids")));
            assertThat(length(ids)).isEqualTo(c.path("t5_length").intValue());
        }
    }

    @Test
    void clipCleansTextAsBertDoes() {
        assertThat(ClipTokenizer.clean("  A\t\u0007B\u200B \u00A0\u3000C\uFFFD\0\n")).isEqualTo("a b c");
        assertThat(ClipTokenizer.clean("x你好y")).isEqualTo("x 你 好 y");
        assertThat(ClipTokenizer.clean("Cafe\u0301 \u2018ÉΣ\u2019")).isEqualTo("caf\u00e9 \u2018éς\u2019");
        assertThat(ClipTokenizer.clean("a\u2028b")).isEqualTo("a b");
    }

    @Test
    void clipIsAsLongAsItsTokenizerSays(@TempDir Path folder) throws IOException {
        assertThat(ClipTokenizer.length(CLIP)).as("nothing is said").isEqualTo(77);
        for (String name : List.of("vocab.json", "merges.txt")) {
            Files.copy(CLIP.resolve(name), folder.resolve(name));
        }
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"model_max_length\": 16}");
        try (ClipTokenizer brief = ClipTokenizer.load(folder)) {
            int[] ids = brief.encode("a ".repeat(500));
            assertThat(ids).hasSize(16).startsWith(clip.encode("a")[0]).endsWith(clip.encode("")[76]);
        }
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"model_max_length\": 1000000000000000019884624838656}");
        assertThat(ClipTokenizer.length(folder)).as("transformers' word for any length").isEqualTo(77);
    }

    @Test
    void clipTruncationKeepsBeginAndEnd() {
        int[] ids = clip.encode("a ".repeat(500));
        assertThat(ids).hasSize(77).startsWith(1141).endsWith(1142);
        assertThat(Arrays.stream(ids).filter(id -> id >= 1141)).hasSize(2);
    }

    @Test
    void clipPromptIsOnlyText() {
        int[] ids = clip.encode("<|endoftext|> x <|startoftext|>");
        assertThat(Arrays.copyOfRange(ids, 1, 19)).doesNotContain(1141, 1142);
    }

    @Test
    void t5TruncationKeepsTheEnd() {
        int[] ids = t5.encode("red ".repeat(900));
        assertThat(ids).hasSize(512).endsWith(1);
        assertThat(Arrays.stream(ids).filter(id -> id < 2)).hasSize(1);
    }

    @Test
    void t5PromptIsOnlyText() {
        for (String control : List.of("</s>", "<pad>", "<unk>", "<extra_id_0>")) {
            int[] ids = t5.encode(control + " a " + control);
            int[] text = Arrays.copyOf(ids, length(ids) - 1);
            assertThat(Arrays.stream(text)).hasSizeGreaterThan(6).allMatch(id -> id > 1 && id < 620);
        }
    }

    @Test
    void oddTextDoesNoHarm() {
        for (String text : List.of("", " ", "\0", "a\uD800b", "\uDC00", "a".repeat(100_000), "你 ".repeat(50_000), "\uFFFF\uE000")) {
            assertThat(clip.encode(text)).hasSize(77).startsWith(1141).contains(1142);
            assertThat(t5.encode(text)).hasSize(512).contains(1);
        }
    }

    @Test
    void brokenFilesAreRefusedInOneLine(@TempDir Path folder) throws IOException {
        String vocab = Files.readString(CLIP.resolve("vocab.json"));
        String merges = Files.readString(CLIP.resolve("merges.txt"));
        String[][] bad = {
            {"{}", merges}, {"[]", merges}, {"{\"a\"", merges}, {vocab.replace("<|endoftext|>", "end"), merges},
            {vocab.replace("\"!\"", "\"!!\""), merges}, {vocab, "#version\nnot in the vocabulary\n"},
            {vocab, "#version\nzzqq zzq\n"}, {vocab, null}
        };
        for (String[] files : bad) {
            Files.writeString(folder.resolve("vocab.json"), files[0]);
            Files.deleteIfExists(folder.resolve("merges.txt"));
            if (files[1] != null) {
                Files.writeString(folder.resolve("merges.txt"), files[1]);
            }
            assertThatThrownBy(() -> encodeOnce(folder)).isInstanceOf(CheckpointException.class)
                    .message().contains(folder.toString()).doesNotContain("\n");
        }
        String json = Files.readString(T5.resolve("tokenizer.json"));
        for (String text : List.of("{}", "null", json.replace("\"Unigram\"", "\"BPE\""), json.replace("\"Metaspace\"", "\"Whitespace\""),
                json.replace("</s>", "<end>"), json.replace("\"unk_id\": 2", "\"unk_id\": 99999999"),
                json.replaceFirst("\"precompiled_charsmap\": \"[^\"]*\"", "\"precompiled_charsmap\": \"AAAA\""),
                json.replaceFirst("\"precompiled_charsmap\"", "\"map\""),
                json.replaceFirst("\"precompiled_charsmap\": \"", "$0!"),
                json.replaceFirst("\"precompiled_charsmap\": \"ALwCAACEAAAAAAC", "\"precompiled_charsmap\": \"ALwCA/////////8"))) {
            assertThat(text).isNotEqualTo(json);
            Files.writeString(folder.resolve("tokenizer.json"), text);
            assertThatThrownBy(() -> {
                try (T5Tokenizer t = T5Tokenizer.load(folder)) {
                    t.encode("a");
                }
            }).isInstanceOf(CheckpointException.class).message().contains("tokenizer.json").doesNotContain("\n");
        }
    }

    @Test
    void nothingIsDownloaded() {
        t5.encode("a");
        assertThat(System.getProperty("RUST_FLAVOR")).isEqualTo("cpu");
        assertThat(System.getProperty("OPT_OUT_TRACKING")).isEqualTo("true");
    }

    private static void encodeOnce(Path folder) {
        try (ClipTokenizer t = ClipTokenizer.load(folder)) {
            t.encode("a");
        }
    }

    private static int length(int[] ids) {
        int length = ids.length;
        while (length > 0 && ids[length - 1] == 0) {
            length--;
        }
        return length;
    }
}
