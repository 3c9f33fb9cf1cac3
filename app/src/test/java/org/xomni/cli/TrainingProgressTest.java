package org.xomni.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TrainingProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final AtomicLong clock = new AtomicLong();

    private String run(boolean terminal, long from, long to, Duration aStep) {
        try (TrainingProgress progress = new TrainingProgress(new PrintStream(bytes, true, UTF_8), terminal, clock::get)) {
            progress.started(from, 1000, 3_500_000);
            for (long step = from + 1; step <= to; step++) {
                clock.addAndGet(aStep.toNanos());
                progress.stepped(step, Map.of("loss", 1.5, "samples_per_s", 41.25, "tokens_per_s", 13_200.0));
            }
        }
        return bytes.toString(UTF_8);
    }

    @Test
    void withoutATerminalThereIsALineEveryHalfMinute() {
        assertThat(run(false, 400, 475, Duration.ofSeconds(1)).lines()).containsExactly(
                "training 3,500,000 parameters, steps 400 to 1,000",
                "step 430 of 1,000, loss 1.500, 41.3 samples/s, 13,200 tokens/s, 9 min left",
                "step 460 of 1,000, loss 1.500, 41.3 samples/s, 13,200 tokens/s, 9 min left");
    }

    @Test
    void whatWasNoticedIsALineOfItsOwn() {
        try (TrainingProgress progress = new TrainingProgress(new PrintStream(bytes, true, UTF_8), false, clock::get)) {
            progress.noticed("so far the run had --threads 2");
        }
        assertThat(bytes.toString(UTF_8).lines()).containsExactly("note: so far the run had --threads 2");
    }

    @Test
    void theLastStepIsTold() {
        assertThat(run(false, 998, 1000, Duration.ofMillis(1)).lines()).last().asString()
                .startsWith("step 1,000 of 1,000, loss 1.500").endsWith("0 s left");
    }

    @Test
    void theTimeLeftCountsOnlyWhatThisProcessDid() {
        assertThat(run(false, 0, 1, Duration.ofSeconds(30)).lines()).last().asString().endsWith("8 h 19 min left");
    }

    @Test
    void withATerminalThereIsABar() {
        assertThat(run(true, 0, 1000, Duration.ofMillis(1))).contains("100%", "1000/1000", "loss 1.500, 41/s, 13k tok/s");
    }
}
