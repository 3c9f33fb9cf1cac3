package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
    @TempDir
    Path run = Path.of("");

    @BeforeEach
    void oneLine() throws IOException {
        Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":7,\"seconds\":2,\"loss\":1.5}\n");
    }

    @Test
    void writesThePageBesideTheRunAndSaysWhere() {
        Cli cli = Cli.run("report", run.toString());
        assertThat(cli.err()).isEmpty();
        assertThat(cli.exitCode()).isZero();
        assertThat(cli.out()).isEqualToIgnoringNewLines(run.resolve("report.html").toString());
        assertThat(run.resolve("report.html")).content().contains("<b>loss</b>");
    }

    @Test
    void writesThePageWhereItIsAsked() {
        Path file = run.resolve("mine.html");
        assertThat(Cli.run("report", run.toString(), "-o", file.toString()).exitCode()).isZero();
        assertThat(file).content().contains("<b>loss</b>");
        assertThat(run.resolve("report.html")).doesNotExist();
    }

    @Test
    void badInputIsOneLine() {
        assertThat(Cli.run("report", run.resolve("no").toString()).exitCode()).isEqualTo(2);
        Cli cli = Cli.run("report", run.toString(), "-o", run.resolve("no/such/folder.html").toString());
        assertThat(cli.exitCode()).isEqualTo(2);
        assertThat(cli.err()).hasLineCount(1).contains("create it first");
    }
}
