package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** The commands that put a server under load, briefly: what they would find in a minute they mostly find in seconds. */
class ServeBenchTest {
    @Test
    void underLoadEveryPictureIsTheOneDrawnAlone() {
        Cli bench = Cli.run("bench", "serve", "--clients", "12", "--seconds", "4", "--pictures", "4", "--side", "64", "--max-batch", "6", "--max-queue", "3",
                "--model", Cli.model("tiny-en"));
        assertThat(bench.exitCode()).as(bench.err() + bench.out()).isZero();
        JsonNode line = Json.mapper().readTree(bench.out());
        assertThat(line.path("done").intValue()).isPositive();
        assertThat(line.path("refused_429").intValue()).as("twelve clients do not fit into six places and a queue of three").isPositive();
        assertThat(line.path("different").intValue()).isZero();
        assertThat(line.path("answers_different").intValue()).isZero();
        assertThat(line.path("rows_per_step").doubleValue()).isGreaterThan(1);
    }

    @Test
    void hostileRequestsAreTurnedAway() {
        Cli bench = Cli.run("bench", "serve", "--hostile", "400", "--seed", "7", "--model", Cli.model("tiny-en"));
        assertThat(bench.exitCode()).as(bench.err() + bench.out()).isZero();
        assertThat(Json.mapper().readTree(bench.out()).path("statuses").path("400").intValue()).isGreaterThan(100);
    }
}
