package org.xomni.cli;

import java.time.Duration;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import org.jspecify.annotations.Nullable;
import org.xomni.Progress;

/** A bar with speed and remaining time on stderr for each phase; nothing when stderr is not a terminal. */
final class ProgressBars implements Progress, AutoCloseable {
    private final boolean shown = Terminal.stderrIsTerminal();
    private @Nullable ProgressBar bar;
    private @Nullable Phase phase;

    @Override
    public void report(Phase now, int done, int total) {
        if (!shown || now == Phase.ANSWERING) {
            return;
        }
        if (now != phase) {
            close();
            phase = now;
            bar = open(now, total);
        }
        if (bar != null) {
            bar.stepTo(done);
        }
    }

    private static ProgressBar open(Phase phase, int total) {
        return new ProgressBarBuilder()
                .setTaskName(phase == Phase.DRAWING ? "tokens" : "decoding")
                .setUnit(phase == Phase.DRAWING ? " tokens" : " steps", 1)
                .setInitialMax(total)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(100)
                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                .setEtaFunction(state -> Optional.of(remaining(state.getCurrent(), state.getMax(), state.getElapsedAfterStart())))
                .showSpeed()
                .build();
    }

    private static Duration remaining(long done, long total, Duration elapsed) {
        return done == 0 ? Duration.ZERO : elapsed.multipliedBy(total - done).dividedBy(done);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
