package org.xomni.cli;

import java.io.PrintStream;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.xomni.train.RunListener;

/** How training goes, on stderr: a bar where somebody watches, else a plain line every half a minute. */
final class TrainingProgress implements RunListener, AutoCloseable {
    private static final long BETWEEN_LINES = Duration.ofSeconds(30).toNanos();
    /** A mean over about this many steps is shown: single batches jump. */
    private static final double MEAN_OVER = 20;

    private final PrintStream out;
    private final boolean terminal;
    private final LongSupplier clock;
    private final Map<String, Double> means = new LinkedHashMap<>();
    private @Nullable ProgressBar bar;
    private long first;
    private long steps;
    private long begun;
    private long lastLine;

    TrainingProgress() {
        this(System.err, Terminal.stderrIsTerminal(), System::nanoTime);
    }

    /** @param clock nanoseconds */
    TrainingProgress(PrintStream out, boolean terminal, LongSupplier clock) {
        this.out = out;
        this.terminal = terminal;
        this.clock = clock;
    }

    @Override
    public void noticed(String what) {
        out.println("note: " + what);
    }

    @Override
    public void started(long step, long steps, long parameters) {
        this.first = step;
        this.steps = steps;
        begun = clock.getAsLong();
        lastLine = begun;
        out.println(format("training %,d parameters, steps %,d to %,d", parameters, step, steps));
        if (terminal) {
            bar = open();
        }
    }

    @Override
    public void stepped(long step, Map<String, Double> metrics) {
        double share = 1 / Math.min(MEAN_OVER, step - first);
        metrics.forEach((name, value) -> means.merge(name, value, (mean, now) -> mean + share * (now - mean)));
        long now = clock.getAsLong();
        if (bar != null) {
            bar.setExtraMessage(brief());
            bar.stepTo(step);
        } else if (now - lastLine >= BETWEEN_LINES || step == steps) {
            lastLine = now;
            String left = words(remaining(step, Duration.ofNanos(now - begun)));
            out.println(format("step %,d of %,d, %s, %s left", step, steps, measured(), left));
        }
    }

    private String measured() {
        StringBuilder text = new StringBuilder();
        append(text, "reward", "reward %.4g");
        append(text, "loss", "loss %.4g");
        append(text, "samples_per_s", "%,.1f samples/s");
        append(text, "tokens_per_s", "%,.0f tokens/s");
        return text.toString();
    }

    /** For a bar in 80 columns. */
    private String brief() {
        double tokens = means.getOrDefault("tokens_per_s", 0.0);
        String goal = means.containsKey("reward") ? "reward" : "loss";
        return format(goal + " %.4g", means.getOrDefault(goal, Double.NaN)) + format(", %.0f/s", means.getOrDefault("samples_per_s", 0.0))
                + (tokens == 0 ? "" : tokens < 10_000 ? format(", %.0f tok/s", tokens) : format(", %.0fk tok/s", tokens / 1e3));
    }

    private void append(StringBuilder text, String name, String format) {
        Double mean = means.get(name);
        if (mean != null && !(name.equals("tokens_per_s") && mean == 0)) {
            text.append(text.isEmpty() ? "" : ", ").append(format(format, mean));
        }
    }

    private ProgressBar open() {
        return new ProgressBarBuilder()
                .setTaskName("")
                .setInitialMax(steps)
                .startsFrom(first, Duration.ZERO)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(500)
                .setConsumer(new ConsoleProgressBarConsumer(out))
                .setEtaFunction(state -> Optional.of(remaining(state.getCurrent(), state.getElapsedAfterStart())))
                .build();
    }

    /** At the mean speed since this process began. */
    private Duration remaining(long step, Duration elapsed) {
        return step <= first ? Duration.ZERO : elapsed.multipliedBy(steps - step).dividedBy(step - first);
    }

    private static String words(Duration left) {
        long seconds = left.toSeconds();
        return seconds < 60 ? seconds + " s" : seconds < 3600 ? seconds / 60 + " min" : seconds / 3600 + " h " + seconds / 60 % 60 + " min";
    }

    private static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    /** Takes the bar away, so that what is written next stands on a line of its own. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
