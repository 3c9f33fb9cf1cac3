package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.ChatRequest;
import org.xomni.Conversation;
import org.xomni.DrawRequest;
import org.xomni.Drawing;
import org.xomni.LoadOptions;
import org.xomni.Progress;
import org.xomni.XOmni;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.PngText;
import org.xomni.tensor.DType;
import org.xomni.tensor.Quantization;

/** {@code xomni chat} without a prompt. */
class InteractiveChatTest {
    private static final int SIDE = 48;

    @TempDir
    Path folder;

    private Path model = Path.of("");

    /** The fixture with small images as its default. */
    @BeforeEach
    void copyModel() throws IOException {
        model = folder.resolve("model");
        Cli.copy(Path.of(Cli.model("tiny-en")), model);
        Files.writeString(model.resolve("generation_config.json"), "{\"image_size\":[" + SIDE + "," + SIDE + "]}");
    }

    @Test
    void linesAreSaidDrawnShownAndSaved() {
        Path image = Cli.fixture("tiny-en").resolve("golden/images/0_120x96_RGB.png");
        Path saved = folder.resolve("saved.png");

        Cli chat = type("Hello!", "/draw a red square", "", "/image " + image, "Are they alike?", "/save " + saved, "/quit", "never heard");

        assertThat(chat.exitCode()).as(chat.err()).isZero();
        assertThat(chat.err().lines()).containsExactly(
                "drawn, " + SIDE + "x" + SIDE + " pixels; /save FILE writes it", "shown as 6x8 tokens", saved.toString());
        StringBuilder answers = new StringBuilder();
        try (XOmni xomni = XOmni.load(model, options());
                Conversation conversation = xomni.converse()) {
            answers.append(say(conversation, "Hello!")).append('\n');
            Drawing drawing = conversation.draw(DrawRequest.of("a red square", SIDE, SIDE, 1234), Progress.NONE);
            conversation.show(ImageFiles.read(image));
            answers.append(say(conversation, "Are they alike?")).append('\n');
            assertThat(ImageFiles.read(saved).rgb()).isEqualTo(drawing.pixels().rgb());
        }
        assertThat(chat.out()).isEqualTo(answers.toString().replace("\n", System.lineSeparator()));
        assertThat(PngText.read(saved)).containsEntry("prompt", "a red square").containsEntry("seed", "1234");
    }

    @Test
    void whatIsWrongIsSaidInALineAndTheConversationGoesOn() {
        Path narrow = Cli.fixture("tiny-en").resolve("golden/images/5_300x80_RGB.png");

        Cli chat = type("/paint a dog", "/draw", "/image", "/image missing.png", "/image " + narrow, "/image a\0b",
                "/save " + folder.resolve("a.png"), "long ".repeat(9000), "Hello!");

        assertThat(chat.exitCode()).as(chat.err()).isZero();
        List<String> lines = chat.err().lines().toList();
        assertThat(lines).hasSize(8).allMatch(line -> line.startsWith("xomni: "));
        assertThat(lines.get(0)).contains("/paint is not a command; /draw PROMPT draws");
        assertThat(lines.get(1)).contains("write /draw PROMPT");
        assertThat(lines.get(2)).contains("write /image FILE");
        assertThat(lines.get(3)).contains("missing.png does not exist; give");
        assertThat(lines.get(4)).contains("crop it");
        assertThat(lines.get(5)).contains("write another");
        assertThat(lines.get(6)).contains("nothing is drawn yet; /draw PROMPT first");
        assertThat(lines.get(7)).contains("shorten the prompt");
        assertThat(folder.resolve("a.png")).doesNotExist();
        try (XOmni xomni = XOmni.load(model, options());
                Conversation conversation = xomni.converse()) {
            assertThat(chat.out()).isEqualTo(say(conversation, "Hello!") + System.lineSeparator());
        }
    }

    private Cli type(String... lines) {
        return Cli.type(String.join("\n", lines) + "\n", "chat", "--model", model.toString(), "--flux",
                Cli.fixture("tiny-en").resolve("flux").toString(), "--dtype", "float32", "--max-tokens", "6");
    }

    private static LoadOptions options() {
        return new LoadOptions(Cli.fixture("tiny-en").resolve("flux"), DType.FLOAT32, Quantization.NONE, "cpu", 0, false);
    }

    private static String say(Conversation conversation, String text) {
        return conversation.say(new ChatRequest(text, List.of(), 6, Sampling.GREEDY, 0), piece -> {}, Progress.NONE).text();
    }
}
