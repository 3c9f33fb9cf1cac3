package org.xomni.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.rl.GrpoDryRun;
import org.xomni.rl.GrpoTraining;
import org.xomni.train.DryRun;
import org.xomni.train.RunListener;
import org.xomni.train.Training;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni train STAGE --recipe FILE}: one stage of training, from its recipe to the exported part. */
@Command(
        name = "train",
        mixinStandardHelpOptions = true,
        description = "Trains one stage from its recipe. Ctrl-C stops after the step at hand, with a checkpoint.")
final class TrainCommand implements Callable<Integer> {
    @Parameters(paramLabel = "STAGE", description = "tokenizer, autoencoder, decoder, pretrain, sft or grpo.")
    String stage = "";

    @Option(names = "--recipe", required = true, paramLabel = "FILE", description = "What to train, on what, and how: YAML.")
    Path recipe = Path.of("");

    @Option(names = "--run", paramLabel = "DIR", description = "Folder for checkpoints, metrics and the trained part. Default: runs/STAGE.")
    @Nullable
    Path run;

    @Option(names = "--resume", description = "Go on where the run was stopped.")
    boolean resume;

    @Option(names = "--dry-run", description = "Only check the recipe, and show sizes, memory and the length of the run.")
    boolean dryRun;

    @Mixin
    ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        compute.applyThreads();
        if (dryRun) {
            DryRun dry = isGrpo() ? GrpoDryRun.of(recipe) : DryRun.of(stage, recipe);
            DryRunText.lines(dry).forEach(System.out::println);
            return dry.problems().isEmpty() ? 0 : 2;
        }
        Path folder = run != null ? run : Path.of("runs", stage);
        try (TrainingProgress progress = new TrainingProgress(); Interrupt interrupt = Interrupt.listen()) {
            Stoppable listener = new Stoppable(progress, interrupt);
            if (isGrpo()) {
                GrpoTraining.run(recipe, folder, resume, compute.device, listener);
            } else {
                Training.run(stage, recipe, folder, resume, compute.device, listener);
            }
            progress.close();
            System.err.println(listener.finished() ? "done: " + folder.resolve("model") : "stopped in " + folder + "; go on with --resume");
            return listener.finished() ? 0 : interrupt.exitCode();
        }
    }

    private boolean isGrpo() {
        return stage.equals(GrpoTraining.STAGE);
    }

    /** Shows progress, and ends the run when the user asks for it. */
    private static final class Stoppable implements RunListener {
        private final RunListener shown;
        private final Interrupt interrupt;
        private long done;
        private long steps;

        Stoppable(RunListener shown, Interrupt interrupt) {
            this.shown = shown;
            this.interrupt = interrupt;
        }

        @Override
        public void noticed(String what) {
            shown.noticed(what);
        }

        @Override
        public void started(long step, long steps, long parameters) {
            this.done = step;
            this.steps = steps;
            shown.started(step, steps, parameters);
        }

        @Override
        public void stepped(long step, Map<String, Double> metrics) {
            done = step;
            shown.stepped(step, metrics);
        }

        @Override
        public boolean stop() {
            return interrupt.asked();
        }

        boolean finished() {
            return done >= steps;
        }
    }
}
