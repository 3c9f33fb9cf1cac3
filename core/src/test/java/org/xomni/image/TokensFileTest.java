package org.xomni.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.image.TokensFile.Entry;
import org.xomni.tensor.InputException;

class TokensFileTest {
    private static final ImageTokens TOKENS = new ImageTokens(1, 3, new int[] {7, 0, 15});

    @TempDir
    Path folder;

    @Test
    void writesTheDocumentedForm() {
        assertThat(TokensFile.toJson(new Entry(TOKENS))).isEqualTo("{\"height\":1,\"width\":3,\"tokens\":[7,0,15]}");
        assertThat(TokensFile.toJson(List.of(new Entry(TOKENS, -5L, "a \"猫\"\n"))))
                .isEqualTo("{\"height\":1,\"width\":3,\"tokens\":[7,0,15],\"seed\":-5,\"prompt\":\"a \\\"猫\\\"\\n\"}");
    }

    @Test
    void readsBackOneEntryOrAList() {
        List<Entry> one = List.of(new Entry(TOKENS, Long.MAX_VALUE, "猫 😀"));
        List<Entry> two = List.of(new Entry(TOKENS, 1L, "a"), new Entry(new ImageTokens(1, 1, new int[] {2})));
        for (List<Entry> entries : List.of(one, two)) {
            Path file = folder.resolve("tokens.json");
            TokensFile.write(file, entries);
            assertThat(TokensFile.read(file)).isEqualTo(entries);
        }
        assertThat(folder).isDirectoryContaining("glob:**tokens.json").isDirectoryNotContaining("glob:**.tmp");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"height\":1,\"width\":1}|has no \"tokens\"",
        "{\"width\":1,\"tokens\":[1]}|has no \"height\"",
        "{\"height\":1,\"tokens\":[1]}|has no \"width\"",
        "{\"height\":1,\"width\":2,\"tokens\":[1]}|needs 2 tokens, but there are 1",
        "{\"height\":1,\"width\":1,\"tokens\":[-1]}|token 0 is -1",
        "{\"height\":1000000000,\"width\":1000000000,\"tokens\":[1]}|needs 1000000000000000000 tokens",
        "{\"height\":1e9,\"width\":1,\"tokens\":[1]}|height is 1.0E9",
        "{\"height\":4294967297,\"width\":1,\"tokens\":[1]}|height is 4294967297",
        "{\"height\":-1,\"width\":-1,\"tokens\":[1]}|grid of -1x-1 is empty",
        "{\"height\":1,\"width\":1,\"tokens\":[1.5]}|tokens[0] is 1.5",
        "{\"height\":1,\"width\":1,\"tokens\":[\"1\"]}|tokens[0] is \"1\"",
        "{\"height\":1,\"width\":1,\"tokens\":[null]}|tokens[0] is null",
        "{\"height\":1,\"width\":1,\"tokens\":[[1]]}|tokens[0] is [1]",
        "{\"height\":1,\"width\":1,\"tokens\":7}|tokens is not a list",
        "{\"height\":1,\"width\":1,\"tokens\":[7],\"seed\":\"x\"}|seed is \"x\"",
        "{\"height\":1,\"width\":1,\"tokens\":[7],\"prompt\":3}|prompt is 3",
        "[]|empty list",
        "[{\"height\":1,\"width\":1,\"tokens\":[7]},3]|T[1] is not a JSON object",
        "7|is not a JSON object",
        "``|is not a JSON object",
        "{\"height\":1|is not valid JSON (Unexpected end-of-input: expected close marker for Object, line 1, column",
        "hello|is not valid JSON",
    })
    void namesEachKindOfDamage(String json, String message) {
        assertThatThrownBy(() -> TokensFile.parse(json, "T"))
                .isExactlyInstanceOf(InputException.class)
                .hasMessageStartingWith("T")
                .hasMessageContaining(message)
                .message().doesNotContain("\n", "Source");
    }

    @Test
    void namesTheFileThatCannotBeRead() throws IOException {
        assertThatThrownBy(() -> TokensFile.read(folder)).isInstanceOf(InputException.class).hasMessageContaining("is not a file");
        Path file = folder.resolve("deep.json");
        Files.write(file, "[".repeat(100_000).getBytes(UTF_8));
        assertThatThrownBy(() -> TokensFile.read(file)).isInstanceOf(InputException.class).hasMessageContaining("is not valid JSON")
                .message().contains("nesting").doesNotContain("StreamRead");
    }
}
