package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;

class MetricsTest {
    @TempDir
    Path run = Path.of("");

    /** Steps {@code from} (excluded) to {@code to}; each also skips a record. */
    private void train(long from, long to) {
        try (Metrics metrics = Metrics.open(run, from)) {
            for (long step = from + 1; step <= to; step++) {
                metrics.write(step, Map.of("loss", 1.0 / step));
                metrics.problem(step, "record " + step + " is \"broken\"");
            }
        }
    }

    private List<String> linesButForTimes() throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream().map(l -> l.replaceAll("\"seconds\":[0-9.]+,", "")).toList();
    }

    @Test
    void writesOneObjectALineAndReadsThemBack() throws IOException {
        train(0, 2);
        assertThat(linesButForTimes()).containsExactly("{\"step\":1,\"loss\":1.0}", "{\"step\":1,\"problem\":\"record 1 is \\\"broken\\\"\"}",
                "{\"step\":2,\"loss\":0.5}", "{\"step\":2,\"problem\":\"record 2 is \\\"broken\\\"\"}");
        MetricsFile read = MetricsFile.read(run);
        assertThat(read.names()).containsExactly("loss");
        assertThat(read.series("loss").steps()).containsExactly(1, 2);
        assertThat(read.series("loss").values()).containsExactly(1.0, 0.5);
        assertThat(read.lines().get(3).problem()).isEqualTo("record 2 is \"broken\"");
    }

    @Test
    void aLineIsInTheFileBeforeTheRunEnds() {
        try (Metrics metrics = Metrics.open(run, 0)) {
            metrics.write(1, Map.of("loss", 2.0));
            assertThat(MetricsFile.read(run).lines()).hasSize(1);
        }
    }

    @Test
    void aResumedRunHasTheFileOfAnUninterruptedOne() throws IOException {
        train(0, 9);
        List<String> uninterrupted = linesButForTimes();
        Files.delete(run.resolve("metrics.jsonl"));

        train(0, 6);
        Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":7,\"sec", StandardOpenOption.APPEND);
        train(4, 9);
        assertThat(linesButForTimes()).isEqualTo(uninterrupted);
    }

    @Test
    void aNewRunDropsWhatARunWithoutCheckpointLeft() {
        try (Metrics metrics = Metrics.open(run, 0)) {
            metrics.write(0, Map.of("held_out_reward", 1.0));
        }
        train(0, 1);
        assertThat(MetricsFile.read(run).lines()).hasSize(2);
    }

    @Test
    void aFolderIsOneRunsAtATime() {
        try (Metrics first = Metrics.open(run, 0)) {
            first.write(1, Map.of("loss", 1.0));
            assertThatThrownBy(() -> Metrics.open(run, 0)).isInstanceOf(InputException.class).hasMessageContaining("another process trains in");
            assertThat(MetricsFile.read(run).lines()).as("not touched by the second").hasSize(1);
        }
        train(1, 2);
        assertThat(MetricsFile.read(run).lines()).hasSize(3);
    }

    @Test
    void timeGoesOnAfterAnInterruption() throws IOException {
        Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":1,\"seconds\":100.5}\n{\"step\":2,\"seconds\":200.5}\n");
        train(1, 2);
        assertThat(MetricsFile.read(run).lines().getLast().seconds()).isBetween(100.5, 150.0);
    }

    @Test
    void whatIsNotFiniteIsNullAndNamed() throws IOException {
        try (Metrics metrics = Metrics.open(run, 0)) {
            metrics.write(1, Map.of("loss", Double.NaN));
            metrics.write(2, Map.of("norm", Double.POSITIVE_INFINITY));
        }
        assertThat(linesButForTimes()).containsExactly("{\"step\":1,\"loss\":null,\"not_finite\":[\"loss\"]}",
                "{\"step\":2,\"norm\":null,\"not_finite\":[\"norm\"]}");
        assertThat(MetricsFile.read(run).series("loss").values()).containsExactly(Double.NaN);
    }

    @Test
    void nestedNamesAreJoinedWithDots() throws IOException {
        Files.writeString(run.resolve("metrics.jsonl"), "{\"step\":1,\"loss\":{\"text\":2,\"image\":{\"mse\":3}}}\n");
        assertThat(MetricsFile.read(run).lines().getFirst().values()).isEqualTo(Map.of("loss.text", 2.0, "loss.image.mse", 3.0));
    }

    @Test
    void aTornLastLineIsLeftOutADamagedOneBeforeIsAnError() throws IOException {
        Path file = run.resolve("metrics.jsonl");
        Files.writeString(file, "{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo");
        assertThat(MetricsFile.read(run).lines()).hasSize(1);
        Files.writeString(file, "{\"step\":1,\"lo\n{\"step\":2,\"loss\":2}\n");
        assertThatThrownBy(() -> MetricsFile.read(run)).isInstanceOf(InputException.class).hasMessageContaining("line 1");
        Files.delete(file);
        assertThatThrownBy(() -> MetricsFile.read(run)).isInstanceOf(InputException.class).hasMessageContaining("does not exist");
    }

    @Test
    void aFolderInWhichAnotherTrainsIsNotFree() {
        Metrics.requireFree(run);
        try (Metrics metrics = Metrics.open(run, 0)) {
            metrics.write(1, Map.of("loss", 1.0));
            assertThatThrownBy(() -> Metrics.requireFree(run)).isInstanceOf(InputException.class).hasMessageContaining("another process trains in");
        }
        Metrics.requireFree(run);
    }
}
