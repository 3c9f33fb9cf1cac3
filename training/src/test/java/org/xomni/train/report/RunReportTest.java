package org.xomni.train.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;
import org.xomni.train.Metrics;

class RunReportTest {
    @TempDir
    Path folder = Path.of("");

    /** A run of 100 steps that measures its loss, the norm and one thing of its own. */
    private Path run(String name, String own) throws IOException {
        Path run = folder.resolve(name);
        try (Metrics metrics = Metrics.open(run, 0)) {
            for (int step = 1; step <= 100; step++) {
                Map<String, Double> values = new LinkedHashMap<>();
                values.put("gradient_norm", 1.0);
                values.put("tokens_per_s", 0.0);
                values.put("loss", step == 50 ? Double.NaN : 7.25);
                values.put(own, 3.0);
                metrics.write(step, values);
            }
            metrics.problem(100, "record <script>7</script> is broken");
        }
        Files.writeString(run.resolve("recipe.yaml"), "# <b>mine</b>\ndecoder: {steps: 2}\nloop:\n  steps: 2_000\n");
        return run;
    }

    private String report(Path run) throws IOException {
        Path file = folder.resolve("report.html");
        RunReport.write(run, file);
        return Files.readString(file);
    }

    @Test
    void showsCurvesValuesRecipeAndProblems() throws IOException {
        assertThat(report(run("run", "codes_in_use")))
                .contains("<b>loss</b>", "<b>codes in use</b>", ">7.25</span>", "100 <small>of 2,000</small>", "<td class=\"alarm\">2</td>")
                .contains("step 50: loss was not finite", "# &lt;b&gt;mine&lt;/b&gt;")
                .contains("step 100: record &lt;script&gt;7&lt;/script&gt; is broken").doesNotContain("<script>7")
                .doesNotContain("<b>tokens/s</b>")
                .containsSubsequence("<b>loss</b>", "<b>codes in use</b>", "<b>gradient norm</b>");
    }

    @Test
    void needsNothingFromElsewhere() throws IOException {
        Path run = run("run", "x");
        Files.write(Files.createDirectories(run.resolve("sheets")).resolve("step-1.png"), new byte[30]);
        assertThat(report(run)).doesNotContain("http:", "https:", "url(", "@import").doesNotContainPattern("(src|href)=\"(?!data:|#)")
                .contains("prefers-color-scheme: dark", "width=device-width");
    }

    @Test
    void sheetsStandInOrderWithTheirCaptions() throws IOException {
        Path run = run("run", "x");
        Path sheets = Files.createDirectories(run.resolve("sheets"));
        for (int step : new int[] {1000, 200, 30}) {
            Files.writeString(sheets.resolve("step-" + step + ".png"), "picture of step " + step);
        }
        Files.writeString(sheets.resolve("step-200.txt"), "a <red> sign\n");
        assertThat(report(run)).containsSubsequence(
                "step 30<", encoded(30), "step 200<", encoded(200), "a &lt;red&gt; sign", "step 1,000<", encoded(1000));
    }

    private static String encoded(int step) {
        return Base64.getEncoder().encodeToString(("picture of step " + step).getBytes(UTF_8));
    }

    @Test
    void ofManySheetsTheFirstTheLastAndSomeBetweenAreShown() throws IOException {
        Path run = run("run", "x");
        Path sheets = Files.createDirectories(run.resolve("sheets"));
        for (int step = 1; step <= 100; step++) {
            Files.writeString(sheets.resolve("step-" + step + ".png"), "picture");
        }
        assertThat(report(run)).contains("40 of 100 sheets", "after step 1\"", "after step 100\"").doesNotContain("after step 2\"");
    }

    @Test
    void runsOfTheSameStageShareCharts() throws IOException {
        run("first", "codes");
        run("second", "codes");
        run("other", "psnr");
        String page = report(folder);
        assertThat(page).contains("3 runs").containsOnlyOnce("<b>codes</b>").containsOnlyOnce("<b>psnr</b>");
        assertThat(page.split("<b>loss</b>", -1)).hasSize(3);
        assertThat(page.split("class=\"mean\"", -1).length - 1).as("lines").isEqualTo(9);
    }

    @Test
    void stagesStandInTheOrderInWhichTheyWereWritten() throws IOException {
        for (String name : new String[] {"c", "a", "b"}) {
            Path metrics = run(name, "of_" + name).resolve("metrics.jsonl");
            Files.setLastModifiedTime(metrics, FileTime.fromMillis(1_000_000L * (name.equals("c") ? 1 : name.equals("a") ? 2 : 3)));
        }
        assertThat(report(folder)).containsSubsequence("<article id=\"c\"", "<article id=\"a\"", "<article id=\"b\"");
    }

    @Test
    void aRunThatHasJustBegunHasAPage() throws IOException {
        Metrics.open(folder.resolve("new"), 0).close();
        assertThat(report(folder.resolve("new"))).contains("new</a>").doesNotContain("class=\"mean\"");
    }

    @Test
    void aFolderWithoutRunsIsRefused() {
        assertThatThrownBy(() -> report(folder)).isInstanceOf(InputException.class).hasMessageContaining("has no metrics.jsonl");
        assertThatThrownBy(() -> report(folder.resolve("no"))).isInstanceOf(InputException.class).hasMessageContaining("is not a folder");
        assertThat(folder.resolve("report.html")).doesNotExist();
    }
}
