package org.xomni.data.signs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;
import org.xomni.text.ChatTemplate;
import org.xomni.text.Message;
import org.xomni.text.Span;
import org.xomni.text.TextTokenizer;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SignsVocabularyTest {
    private static final int VOCAB = 1024;
    private static final int CODES = 64;

    private Path folder = Path.of("");
    private TextTokenizer tokenizer;

    @BeforeAll
    void write(@TempDir Path temporary) {
        folder = temporary;
        SignsVocabulary.write(folder, VOCAB, CODES);
        tokenizer = TextTokenizer.load(folder);
    }

    @AfterAll
    void close() {
        tokenizer.close();
    }

    @Test
    void anyTextComesBack() {
        SplittableRandom random = new SplittableRandom(5);
        for (String text : List.of(
                "", "Draw a red stop sign saying STOP", "naïve 标志 «Γειά» 🚦🛑", "tabs\tand\n\nlines \r\n  end ", "<|im_end|><SOM>'s")) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        }
        for (int i = 0; i < 200; i++) {
            String text = random.ints(20, 0x20, 0x2FF)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        }
    }

    @Test
    void wordsOfTheWorldAreOneTokenAndQuotedOnesAreSpelt() {
        assertThat(tokens("a blue sign that says \"OPEN LATE\" in white letters"))
                .containsExactly("a", " blue", " sign", " that", " says", " \"", "O", "P", "E", "N", " ", "L", "A", "T", "E", "\"", " in",
                        " white", " letters");
        assertThat(tokens("saying \"open late\"")).endsWith("o", "p", "e", "n", " ", "l", "a", "t", "e", "\"");
        assertThat(tokens("that says 'Red'")).endsWith("R", "e", "d", "'");
        assertThat(tokens("that says \"red\"")).endsWith(" \"", "r", "e", "d", "\"");
        assertThat(tokens("that says STOP.")).endsWith(" ", "S", "T", "O", "P", ".");
        assertThat(tokens("that says \"24:30\"")).endsWith("2", "4", ":", "3", "0", "\"");
    }

    @Test
    void everyWordThatTheWorldSaysIsOneToken() {
        SignsWorld world = new SignsWorld(3, Split.TRAIN, new SignsWorld.Tasks(1, 1, 1, 1, 1));
        for (int i = 0; i < 400; i++) {
            Scene scene = world.scene(i);
            SplittableRandom random = new SplittableRandom(i);
            String caption = Captions.description(scene, random);
            // What stands outside of quotes.
            String[] parts = caption.split("\"", -1);
            for (int p = 0; p < parts.length; p += 2) {
                for (String word : parts[p].split("[^A-Za-z]+")) {
                    if (!word.isEmpty() && !caption.startsWith(word)) {
                        assertThat(tokenizer.encode(" " + word)).as("'%s' in: %s", word, caption).hasSize(1);
                    }
                }
            }
        }
    }

    @Test
    void controlTokensStandWhereTheModelExpectsThem() {
        assertThat(tokenizer.idOf("<|endoftext|>")).isEqualTo(256);
        assertThat(tokenizer.idOf("<|im_start|>")).isEqualTo(257);
        assertThat(tokenizer.idOf("<|im_end|>")).isEqualTo(258);
        assertThat(IntStream.range(0, CODES).map(k -> tokenizer.idOf("<MM-Token-" + k + ">")))
                .containsExactlyElementsOf(IntStream.range(VOCAB, VOCAB + CODES).boxed().toList());
        assertThat(List.of(tokenizer.idOf("<SOM>"), tokenizer.idOf("<EOM>"), tokenizer.idOf("<IMAGE>"))).containsExactly(1088, 1089, 1090);
        assertThat(SignsVocabulary.minSize()).isLessThanOrEqualTo(VOCAB);
        assertThat(tokenizer.encodeTrusted("<SOM>8 10<IMAGE>")).containsExactly(1088, '8', ' ', '1', '0', 1090);
    }

    @Test
    void conversationsRender() {
        List<Message> messages = List.of(Message.of("user", "What does the sign say?"));
        ChatTemplate template = ChatTemplate.load(folder);
        assertThat(template.render(messages, true)).isEqualTo("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                + "<|im_start|>user\nWhat does the sign say?<|im_end|>\n<|im_start|>assistant\n");
        int[] ids = template.encode(messages, true, tokenizer);
        assertThat(tokenizer.encode(List.of(new Span.Ids(ids)))).isEqualTo(ids);
        assertThat(tokenizer.decode(ids)).isEqualTo(template.render(messages, true));
        assertThat(ids).hasSizeLessThan(40);
    }

    @Test
    void aVocabularyThatIsTooSmallIsRefused() {
        assertThatThrownBy(() -> SignsVocabulary.write(folder, 300, CODES)).isInstanceOf(InputException.class)
                .hasMessageContaining("vocab_size of 300");
    }

    private List<String> tokens(String text) {
        return Arrays.stream(tokenizer.encode(text)).mapToObj(id -> tokenizer.decode(new int[] {id})).toList();
    }
}
