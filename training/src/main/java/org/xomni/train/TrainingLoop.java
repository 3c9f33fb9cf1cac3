package org.xomni.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;
import org.xomni.tensor.XOmniException;

/**
 * The loop of every stage: batches, gradients, clipping, AdamW, averaged weights, metrics, checkpoints. What a run does depends on its recipe and the number
 * of threads only, so that a run that was killed and resumed ends with the same bits as one that was not.
 *
 * <p>A run's folder holds {@code checkpoints/}, {@code metrics.jsonl}, {@code sheets/} and {@code model/}, the trained component as last exported.
 */
public final class TrainingLoop {
    private final Stage stage;
    private final LoopSettings settings;
    private final Path run;
    private final Snapshots snapshots;
    private final RunListener listener;
    /** Samples that could not be used before the run was resumed. */
    private long skippedBefore;
    /** How many of those since then are named in the metrics. */
    private int named;

    private TrainingLoop(Stage stage, LoopSettings settings, Path run, RunListener listener) {
        this.stage = stage;
        this.settings = settings;
        this.run = run;
        this.snapshots = new Snapshots(run);
        this.listener = listener;
    }

    /**
     * Trains a stage to its last step.
     *
     * @param run the run's folder
     * @param resume whether to go on from the newest checkpoint, if there is one; a run that is at its last step is exported again
     * @throws InputException if the folder has checkpoints and {@code resume} is not set
     * @throws XOmniException if the loss is no number any more, or the disk is full; the last checkpoint is whole then
     */
    public static void run(Stage stage, LoopSettings settings, Path run, boolean resume, RunListener listener) {
        new TrainingLoop(stage, settings, run, listener).run(resume);
    }

    /**
     * Makes sure that no run is lost.
     *
     * @throws InputException if the folder has checkpoints and {@code resume} is not set
     */
    public static void requireFree(Path run, boolean resume) {
        Optional<Snapshots.Found> found = new Snapshots(run).newest();
        if (found.isPresent() && !resume) {
            throw new InputException(run + " holds a run that is at step " + found.get().step() + "; continue it with --resume, or name another folder");
        }
    }

    private void run(boolean resume) {
        requireFree(run, resume);
        Optional<Snapshots.Found> found = snapshots.newest();
        try (AdamW optimizer = new AdamW(stage.groups(), settings.optimizer());
                Average average = new Average(optimizer.masters(), settings.ema());
                Metrics metrics = Metrics.open(run, found.map(Snapshots.Found::step).orElse(0L))) {
            Map<String, Tensor> state = state(optimizer, average);
            long step = 0;
            if (found.isPresent()) {
                step = found.get().step();
                Map<String, String> metadata = Snapshots.read(found.get().file(), state, listener::noticed);
                optimizer.resume(step);
                stage.resume(metadata.getOrDefault("position", ""));
                skippedBefore = Long.parseLong(metadata.getOrDefault("skipped", "0"));
            }
            if (found.isEmpty()) {
                Map<String, Double> before = stage.heldOut(0);
                if (!before.isEmpty()) {
                    metrics.write(0, before);
                }
            }
            listener.started(step, settings.steps(), optimizer.count());
            if (step >= settings.steps()) {
                export(step, average);
            }
            while (step < settings.steps()) {
                Map<String, Double> measured = step(step, optimizer, metrics);
                stage.afterStep(step, optimizer);
                average.update(step);
                step++;
                Map<String, Double> heldOut = stage.heldOut(step);
                measured.putAll(heldOut);
                tellSkipped(step, measured, metrics);
                listener.stepped(step, measured);
                boolean last = step == settings.steps() || listener.stop();
                if (step % settings.logEvery() == 0 || last || !heldOut.isEmpty()) {
                    metrics.write(step, measured);
                }
                if (step % settings.checkpointEvery() == 0 || last) {
                    checkpoint(step, state, average);
                }
                if (last) {
                    return;
                }
            }
        }
    }

    private Map<String, Double> step(long step, AdamW optimizer, Metrics metrics) {
        long start = System.nanoTime();
        Map<String, Double> sums = new LinkedHashMap<>();
        Map<String, Integer> times = new HashMap<>();
        double shares = 0;
        long samples = 0;
        long tokens = 0;
        for (int micro = 0; micro < settings.accumulate(); micro++) {
            try (Scope scope = Scope.plain()) {
                Loss loss = stage.gradients(step, micro, settings.accumulate());
                optimizer.widenGradients();
                sums.merge("loss", loss.share() * loss.total().item_float(), Double::sum);
                shares += loss.share();
                loss.parts().forEach((name, part) -> {
                    sums.merge(name, (double) part.item_float(), Double::sum);
                    times.merge(name, 1, Integer::sum);
                });
                samples += loss.samples();
                tokens += loss.tokens();
            }
        }
        // The loss is averaged by share, a part over the micro-batches that have it.
        double whole = shares;
        sums.replaceAll((name, sum) -> name.equals("loss") ? sum / whole : sum / times.getOrDefault(name, 1));
        stage.afterGradients();
        double norm = optimizer.gradientNorm();
        if (!Double.isFinite(sums.getOrDefault("loss", Double.NaN)) || !Double.isFinite(norm)) {
            String what = "the loss is " + sums.get("loss") + " and the gradient norm " + norm;
            metrics.problem(step + 1, what);
            throw new XOmniException("step " + (step + 1) + ": " + what + "; the last checkpoint in " + run.resolve("checkpoints")
                    + " is whole: lower the learning rate and resume");
        }
        double rate = settings.learningRate(step);
        optimizer.step(rate, norm);
        double seconds = (System.nanoTime() - start) / 1e9;
        sums.put("gradient_norm", norm);
        sums.put("learning_rate", rate);
        sums.put("samples_per_s", samples / seconds);
        sums.put("tokens_per_s", tokens / seconds);
        return sums;
    }

    private void tellSkipped(long step, Map<String, Double> measured, Metrics metrics) {
        List<String> all = stage.skipped().named();
        all.subList(named, all.size()).forEach(what -> metrics.problem(step, what));
        named = all.size();
        if (skipped() > 0) {
            measured.put("records_skipped", (double) skipped());
        }
    }

    private long skipped() {
        return skippedBefore + stage.skipped().count();
    }

    private Map<String, Tensor> state(AdamW optimizer, Average average) {
        Map<String, Tensor> state = new LinkedHashMap<>(optimizer.state());
        state.putAll(average.state());
        stage.buffers().forEach((name, tensor) -> state.put("buffer/" + name, tensor));
        return state;
    }

    private void checkpoint(long step, Map<String, Tensor> state, Average average) {
        snapshots.write(step, state, Map.of("step", Long.toString(step), "position", stage.position(), "skipped", Long.toString(skipped())));
        export(step, average);
    }

    private void export(long step, Average average) {
        Exports.replace(run.resolve("model"), folder -> stage.export(folder, average.averages()));
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            Files.createDirectories(run.resolve("sheets"));
            boolean unused = stage.sheet(run.resolve("sheets").resolve("step-%09d.png".formatted(step)));
        } catch (IOException e) {
            throw new XOmniException(run + " cannot be written (" + e + "); free space or fix permissions, then continue with --resume", e);
        }
    }
}
