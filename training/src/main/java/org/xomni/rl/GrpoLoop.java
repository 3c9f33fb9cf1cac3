package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.data.Seeds;
import org.xomni.rl.Phases.Phase;
import org.xomni.rl.prompt.Prompt;
import org.xomni.rl.prompt.PromptSource;
import org.xomni.rl.reward.Drawn;
import org.xomni.rl.reward.RewardFailed;
import org.xomni.rl.reward.Rewards;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;
import org.xomni.tensor.XOmniException;
import org.xomni.train.Average;
import org.xomni.train.Exports;
import org.xomni.train.LoopSettings;
import org.xomni.train.Metrics;
import org.xomni.train.RunListener;
import org.xomni.train.Snapshots;
import org.xomni.train.TrainingLoop;

/**
 * GRPO (paper section 4.3). A step is a batch:
 *
 * <pre>
 * prompts q                                                    {@link PromptSource}
 * a group of rollouts o_1 .. o_G ~ pi_old(. | q) for each      {@link RolloutSampler}, {@link Drawing}
 * the fixed decoder paints them                                {@link FixedDecoder}
 * rewards r_1 .. r_G                                           {@link Rewards}
 * advantages A_i = (r_i - mean r) / std r                      {@link Advantage}, {@link Groups}
 * log pi_old, log pi_ref                                       {@link TokenScores}, {@link PolicyUpdate#score}
 * clipped updates of pi with a KL penalty towards pi_ref       {@link GrpoLoss}, {@link PolicyUpdate#apply}
 * </pre>
 *
 * What a run does depends on its recipe and the number of threads only (and on what remote rewards say), so a run that was killed and resumed ends with the
 * bits of one that was not: prompts and seeds follow from the step. Its folder is that of {@link TrainingLoop}, which this loop cannot be a stage of: there a step is one
 * update on data, here a batch is drawn by the model itself and may take several updates, between which no checkpoint would be whole.
 */
public final class GrpoLoop {
    /** In a checkpoint's metadata. */
    private static final String REFERENCE = "reference";

    private final Policy policy;
    private final Drawing drawing;
    private final PromptSource prompts;
    private final Rewards rewards;
    private final GrpoSettings settings;
    private final LoopSettings loop;
    private final long seed;
    private final @Nullable HeldOut heldOut;

    /** A loop over parts that stay the caller's. */
    public GrpoLoop(
            Policy policy,
            Drawing drawing,
            PromptSource prompts,
            Rewards rewards,
            GrpoSettings settings,
            LoopSettings loop,
            long seed,
            @Nullable HeldOut heldOut) {
        this.policy = policy;
        this.drawing = drawing;
        this.prompts = prompts;
        this.rewards = rewards;
        this.settings = settings;
        this.loop = loop;
        this.seed = seed;
        this.heldOut = heldOut;
    }

    /**
     * Trains to the last step.
     *
     * @param run the run's folder
     * @param resume whether to go on from the newest checkpoint, if there is one; a run that is at its last step is exported again
     * @throws InputException if the folder has checkpoints and {@code resume} is not set, or they are of a run that began with other weights
     * @throws XOmniException if a reward fails, the loss is no number any more, or the disk is full; the last checkpoint is whole then
     */
    public void run(Path run, boolean resume, RunListener listener) {
        TrainingLoop.requireFree(run, resume);
        Snapshots snapshots = new Snapshots(run);
        Optional<Snapshots.Found> found = snapshots.newest();
        try (PolicyOptimizer optimizer = new PolicyOptimizer(policy, loop.optimizer(), settings.scaleRate());
                PolicyUpdate update = new PolicyUpdate(policy, settings, loop.accumulate(), drawing.workers());
                Average average = new Average(optimizer.masters(), loop.ema());
                Metrics metrics = Metrics.open(run, found.map(Snapshots.Found::step).orElse(0L))) {
            Map<String, Tensor> state = state(optimizer, average);
            String reference = policy.referenceFingerprint();
            long step = 0;
            long updates = 0;
            long skipped = 0;
            if (found.isPresent()) {
                step = found.get().step();
                Map<String, String> metadata = Snapshots.read(found.get().file(), state, listener::noticed);
                if (!metadata.getOrDefault(REFERENCE, reference).equals(reference)) {
                    throw new InputException(run + " began with other weights than those that its recipe starts from now; put these back, or begin a new run");
                }
                updates = Long.parseLong(metadata.getOrDefault("updates", "0"));
                skipped = Long.parseLong(metadata.getOrDefault("skipped_steps", "0"));
                optimizer.resume(updates);
            } else {
                Map<String, Double> before = evaluate(0, run, average, metrics, new Phases());
                if (!before.isEmpty()) {
                    metrics.write(0, before);
                }
            }
            listener.started(step, loop.steps(), optimizer.count());
            if (step >= loop.steps()) {
                export(run.resolve("model"), average);
            }
            while (step < loop.steps()) {
                Phases phases = new Phases();
                Map<String, Double> measured = step(step, update, optimizer, metrics, phases);
                long updated = measured.getOrDefault("updates", 0.0).longValue();
                updates += updated;
                skipped += measured.getOrDefault("skipped_steps", 0.0).longValue();
                if (skipped > 0) {
                    measured.put("skipped_steps", (double) skipped);
                }
                if (updated > 0) {
                    // A step that changes nothing leaves what is exported alone, too.
                    average.update(step);
                }
                step++;
                boolean last = step == loop.steps();
                Map<String, Double> heldOut = evaluate(step, run, average, metrics, phases);
                measured.putAll(heldOut);
                phases.addTo(measured);
                listener.stepped(step, measured);
                last |= listener.stop();
                if (step % loop.logEvery() == 0 || last || !heldOut.isEmpty()) {
                    metrics.write(step, measured);
                }
                if (step % loop.checkpointEvery() == 0 || last) {
                    snapshots.write(step, state, Map.of(
                            "step", Long.toString(step), "updates", Long.toString(updates), "skipped_steps", Long.toString(skipped), REFERENCE, reference));
                    export(run.resolve("model"), average);
                }
                if (last) {
                    return;
                }
            }
        }
    }

    /** One batch. */
    private Map<String, Double> step(long step, PolicyUpdate update, PolicyOptimizer optimizer, Metrics metrics, Phases phases) {
        Map<String, Double> measured = new LinkedHashMap<>();
        try (Scope scope = Scope.plain()) {
            List<Prompt> asked = asked(step);
            long[] seeds = LongStream.range(0, asked.size()).map(i -> Seeds.mix(seed, step, i)).toArray();
            double temperature = settings.temperature(step, loop.steps());
            Drawing.Drawings drawn = drawing.draw(
                    policy.model(), new Drawing.Order(asked, seeds, noise(step), RolloutSampler.unfiltered(temperature), settings.rollouts()), phases);
            List<Rollout> rollouts = drawn.rollouts();
            Rewards.Scores scores = phases.time(Phase.REWARD, () -> rewards.score(judged(asked, drawn), settings.rollouts()));
            Groups groups = Groups.of(rollouts, scores.total(), settings.rollouts(), settings.advantage());
            PolicyUpdate.Scored batch = phases.time(Phase.SCORE, () -> update.score(groups, temperature));
            double rate = loop.learningRate(step);
            PolicyUpdate.Outcome outcome = phases.time(Phase.UPDATE, () -> update.apply(batch, optimizer, rate));
            measure(measured, scores, settings.rollouts(), groups, outcome);
            measured.put("learning_rate", rate);
            measured.put("temperature", temperature);
            measured.put("logit_scale", optimizer.logitScale());
            speed(measured, rollouts, phases);
        } catch (RewardFailed e) {
            metrics.problem(step + 1, String.valueOf(e.getMessage()));
            if (!e.skipsStep()) {
                throw e;
            }
            measured.put("skipped_steps", 1.0);
        } catch (InputException e) {
            metrics.problem(step + 1, String.valueOf(e.getMessage()));
            throw e;
        } catch (XOmniException e) {
            metrics.problem(step + 1, String.valueOf(e.getMessage()));
            throw new XOmniException("step " + (step + 1) + ": " + e.getMessage() + "; the last checkpoint is whole: mend it and go on with --resume", e);
        }
        return measured;
    }

    /** The prompts of a step, each as often as its group is large. */
    private List<Prompt> asked(long step) {
        List<Prompt> asked = new ArrayList<>();
        for (int i = 0; i < settings.prompts(); i++) {
            Prompt prompt = prompts.prompt(step * settings.prompts() + i);
            for (int j = 0; j < settings.rollouts(); j++) {
                asked.add(prompt);
            }
        }
        return asked;
    }

    /** All images of a group are painted from the same noise, so that their rewards differ by their tokens alone. */
    private long[] noise(long step) {
        return LongStream.range(0, settings.batch()).map(i -> Seeds.mix(seed, step, i / settings.rollouts(), 1)).toArray();
    }

    static List<Drawn> judged(List<Prompt> prompts, Drawing.Drawings drawn) {
        return IntStream.range(0, prompts.size())
                .mapToObj(i -> new Drawn(prompts.get(i), drawn.pictures().get(i), drawn.rollouts().get(i).image()))
                .toList();
    }

    private static void measure(
            Map<String, Double> measured, Rewards.Scores scores, int groupSize, Groups groups, PolicyUpdate.Outcome outcome) {
        double mean = Arrays.stream(scores.absolute()).average().orElse(0);
        measured.put("reward", mean);
        measured.put("reward_deviation", Math.sqrt(Arrays.stream(scores.absolute()).map(r -> (r - mean) * (r - mean)).average().orElse(0)));
        measured.put("reward_deviation_in_groups", scores.deviationInGroups(groupSize));
        scores.parts().keySet().forEach(name -> {
            // A batch may have no prompt that this reward judges.
            if (Double.isFinite(scores.mean(name))) {
                measured.put("reward_" + name, scores.mean(name));
                measured.put("reward_" + name + "_deviation", scores.deviation(name));
            }
        });
        measured.put("zero_variance_groups", (double) groups.zeroVariance());
        measured.put("updates", (double) outcome.updates());
        if (outcome.updates() > 0) {
            measured.put("loss", outcome.loss());
            measured.put("kl", outcome.kl());
            measured.put("entropy", outcome.entropy());
            measured.put("clipped_high", outcome.clippedHigh());
            measured.put("clipped_low", outcome.clippedLow());
            measured.put("gradient_norm", outcome.gradientNorm());
        }
        if (outcome.updates() > 1) {
            measured.put("first_ratio_error", outcome.firstRatioError());
        }
    }

    private static void speed(Map<String, Double> measured, List<Rollout> rollouts, Phases phases) {
        double seconds = Arrays.stream(Phase.values()).mapToDouble(phases::seconds).sum();
        long tokens = rollouts.stream().mapToLong(Rollout::length).sum();
        measured.put("samples_per_s", rollouts.size() / seconds);
        measured.put("tokens_per_s", tokens / seconds);
        measured.put("rollout_tokens_per_s", tokens / phases.seconds(Phase.ROLLOUT));
    }

    private Map<String, Double> evaluate(long step, Path run, Average average, Metrics metrics, Phases phases) {
        HeldOut set = heldOut;
        if (set == null || step % set.every() != 0 && step != loop.steps()) {
            return Map.of();
        }
        if (set.keepsModels()) {
            export(run.resolve("models").resolve("step-%09d".formatted(step)), average);
        }
        try {
            return phases.time(Phase.EVALUATE, () -> set.evaluate(policy.model(), step, run));
        } catch (RewardFailed e) {
            metrics.problem(step, "held-out prompts: " + e.getMessage());
            if (!e.skipsStep()) {
                throw e;
            }
            return Map.of();
        }
    }

    private void export(Path folder, Average average) {
        Exports.replace(folder, model -> policy.export(model, average.averages()));
    }

    private Map<String, Tensor> state(PolicyOptimizer optimizer, Average average) {
        Map<String, Tensor> state = new LinkedHashMap<>(optimizer.state());
        state.putAll(average.state());
        return state;
    }
}
