package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

class EvalCommandTest {
    @TempDir
    Path folder;

    @Test
    void signsAreDrawnReconstructedAskedAboutAndScored() throws Exception {
        Path json = folder.resolve("scores.json");
        Path sheet = folder.resolve("sheet.png");
        Cli eval = Cli.run("eval", "signs", "--model", Cli.model("tiny-zh"), "--prompts", "3", "--seed", "5", "--cfg", "1,2", "--steps", "2",
                "--sheet", sheet.toString(), "-o", json.toString());
        assertThat(eval.exitCode()).as(eval.err()).isZero();
        assertThat(eval.out()).contains("generation without guidance", "generation, guidance 2.0", "reconstruction", "understanding");
        JsonNode report = Json.readObject(json);
        assertThat(report.path("prompts").asInt()).isEqualTo(3);
        assertThat(report.path("split").asString()).isEqualTo("HELD_OUT");
        assertThat(report.path("generation").propertyNames()).containsExactly("1.0", "2.0");
        JsonNode background = report.path("generation").path("1.0").path("scores").path("BACKGROUND");
        assertThat(background.path("count").asInt()).isEqualTo(3);
        assertThat(report.path("reconstruction").path("originals").path("TEXT_ACCURACY").path("mean").asDouble()).isGreaterThan(0.9);
        assertThat(Files.readAllLines(folder.resolve("sheet.txt"))).hasSize(3);
    }

    @Test
    void badUsageIsOneLine() {
        assertRefused("see xomni eval --help", "eval");
        assertRefused("0 scenes", "eval", "signs", "--prompts", "0", "--model", Cli.model("tiny-zh"));
        assertRefused("generation is not among --parts", "eval", "signs", "--parts", "understanding", "--sheet", folder.resolve("s.png").toString());
        assertRefused("models are trained on; use held-out", "eval", "signs", "--split", "practice");
        assertRefused("is not known; use train", "eval", "signs", "--split", "other");
        assertRefused("does not exist", "eval", "signs", "-o", folder.resolve("none/scores.json").toString());
    }

    private static void assertRefused(String message, String... args) {
        Cli run = Cli.run(args);
        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).hasLineCount(1).contains(message);
    }
}
