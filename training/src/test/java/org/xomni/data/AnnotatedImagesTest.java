package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;

class AnnotatedImagesTest {
    private static final Picture A = new Picture.Raw(new Pixels(4, 5));
    private static final Picture B = new Picture.Raw(new Pixels(6, 7));

    @TempDir
    Path folder;

    private Path images;

    @BeforeEach
    void pictures() throws IOException {
        images = Files.createDirectories(folder.resolve("images"));
        PngWriter.write(images.resolve("a.png"), new Pixels(4, 5), Map.of());
        PngWriter.write(Files.createDirectory(images.resolve("sub")).resolve("b.png"), new Pixels(6, 7), Map.of());
        PngWriter.write(folder.resolve("secret.png"), new Pixels(8, 8), Map.of());
    }

    @Test
    void captionsAreReadInAnyOrderOfLines() throws Exception {
        try (AnnotatedImages records = jsonl("""
                {"image": "a.png", "text": "Größe \\u00e4"}

                  {"caption": "two", "image": "sub/b.png", "license": {"text": 3}}\r
                {"image": ["a.png"], "prompt": "three"}""")) {
            assertThat(records.size()).isEqualTo(3);
            assertThat(records.record(2)).isEqualTo(new Sample.Generation("data.jsonl/3", "three", A));
            assertThat(records.record(0)).isEqualTo(new Sample.Generation("data.jsonl/1", "Größe ä", A));
            assertThat(records.record(1)).isEqualTo(new Sample.Generation("data.jsonl/2", "two", B));
        }
    }

    @Test
    void conversationsInTheMannerOfLlavaAreRead() throws Exception {
        String data = """
                [{"id": "1", "image": "a.png", "conversations": [
                    {"from": "human", "value": "What is this?\\n<image>"}, {"from": "gpt", "value": "A [red] \\"sign\\"."}]},
                 {"id": 2, "image": ["a.png", "sub/b.png"], "conversations": [{"from": "system", "value": "Be brief."},
                    {"from": "human", "value": "Compare <image> and\\n<image>\\nplease."}, {"from": "gpt", "value": "Same."}]},
                 {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": " Hello. "}]},
                 {"image": "a.png", "conversations": [{"from": "human", "value": "Say it."}, {"from": "gpt", "value": "OPEN"}]},
                 {"image": "a.png", "conversations": [{"from": "human", "value": "Draw."}, {"from": "gpt", "value": "<image>"}]}]""";
        try (AnnotatedImages records = json(data)) {
            assertThat(records.size()).isEqualTo(5);
            assertThat(turns(records, 0)).containsExactly(
                    new Turn(Role.USER, List.of(new Part.Shown(A), new Part.Said("What is this?"))),
                    Turn.of(Role.ASSISTANT, "A [red] \"sign\"."));
            assertThat(turns(records, 1)).containsExactly(
                    Turn.of(Role.SYSTEM, "Be brief."),
                    new Turn(Role.USER, List.of(
                            new Part.Said("Compare"), new Part.Shown(A),
                            new Part.Said("and"), new Part.Shown(B), new Part.Said("please."))),
                    Turn.of(Role.ASSISTANT, "Same."));
            assertThat(turns(records, 2)).containsExactly(Turn.of(Role.USER, "Hi"), Turn.of(Role.ASSISTANT, " Hello. "));
            assertThat(turns(records, 3).getFirst()).isEqualTo(
                    new Turn(Role.USER, List.of(new Part.Shown(A), new Part.Said("Say it."))));
            assertThat(turns(records, 4).getLast()).isEqualTo(new Turn(Role.ASSISTANT, List.of(new Part.Shown(A))));
        }
    }

    @Test
    void pathsThatLeadOutOfTheFolderAreRefused() throws Exception {
        List<String> paths = List.of(
                "../secret.png", "sub/../../secret.png", "../images", ".", "", folder.resolve("secret.png").toString());
        for (String path : paths) {
            try (AnnotatedImages records = jsonl("{\"image\": \"" + path + "\", \"text\": \"x\"}")) {
                assertThatThrownBy(() -> records.record(0)).isInstanceOf(BrokenSample.class)
                        .hasMessageStartingWith("data.jsonl/1 has the image '" + path + "'")
                        .hasMessageContaining("not inside");
            }
        }
    }

    @Test
    void brokenRecordsAreNamedAndOthersStillRead() throws Exception {
        Files.writeString(images.resolve("bad.png"), "no picture");
        try (AnnotatedImages records = jsonl("""
                {"image": "a.png", "text":
                {"image": "bad.png", "text": "x"}
                {"image": "none.png", "text": "x"}
                {"image": 7, "text": "x"}
                {"image": "a.png"}
                {"text": "x"}
                {"image": "a.png", "conversations": [{"from": "human", "value": "<image> <image>"}]}
                {"image": "a.png", "conversations": [{"from": "robot", "value": "<image>"}]}
                {"image": "a.png", "conversations": [{"from": "gpt"}]}
                {"image": "a.png", "conversations": [{"from": "gpt", "value": "no human"}]}
                []
                {"image": "nul\\u0000.png", "text": "x"}
                {"image": "a.png", "text": "good"}
                """)) {
            List<String> reasons = List.of("not valid JSON", "not a PNG", "does not exist", "expected a path", "none of", "0 pictures",
                    "mentions 2 pictures", "'robot'", "without a \"value\"", "no human turn", "none of", "no file can have");
            for (int i = 0; i < reasons.size(); i++) {
                int number = i;
                assertThatThrownBy(() -> records.record(number)).isInstanceOf(BrokenSample.class)
                        .hasMessageStartingWith("data.jsonl/" + (i + 1))
                        .hasMessageContaining(reasons.get(i));
            }
            assertThat(records.record(12).pictures()).containsExactly(A);
        }
    }

    @Test
    void anArrayThatIsDamagedIsAnError() {
        for (String text : List.of("[{\"a\": 1}, {\"a\": ", "{}", "", "[{} {}]", "[1, 2")) {
            assertThatThrownBy(() -> json(text)).as(text).isInstanceOf(InputException.class).hasMessageContaining("data.json");
        }
        assertThatThrownBy(() -> new AnnotatedImages(folder.resolve("none.jsonl"), images))
                .isInstanceOf(InputException.class).hasMessageContaining("none.jsonl does not exist");
    }

    private static List<Turn> turns(AnnotatedImages records, int number) throws BrokenSample {
        return ((Sample.Dialogue) records.record(number)).turns();
    }

    private AnnotatedImages jsonl(String text) throws IOException {
        return new AnnotatedImages(Files.writeString(folder.resolve("data.jsonl"), text), images);
    }

    private AnnotatedImages json(String text) throws IOException {
        return new AnnotatedImages(Files.writeString(folder.resolve("data.json"), text), images);
    }
}
