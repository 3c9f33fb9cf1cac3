package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.image.ImageFiles;
import org.xomni.ocr.TextReader;

/** What a newcomer sees first: no --model. */
class EmbeddedModelTest {
    @TempDir
    Path folder;

    @Test
    void theReadmesFirstCommandDrawsASignThatOcrAndTheModelCanRead() {
        Path sign = folder.resolve("sign.png");
        Cli drawn = Cli.run("generate", "a blue sign that says \"OPEN\" in white letters", "-o", sign.toString());
        assertThat(drawn.exitCode()).as(drawn.err()).isZero();
        try (TextReader reader = new TextReader()) {
            assertThat(reader.text(ImageFiles.read(sign))).isEqualTo("OPEN");
        }
        Cli asked = Cli.run("chat", "What does the sign say?", "--image", sign.toString());
        assertThat(asked.exitCode()).as(asked.err()).isZero();
        assertThat(asked.out().strip()).isEqualTo("OPEN");
    }
}
