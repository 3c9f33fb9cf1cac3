package org.xomni.rl;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.Seeds;
import org.xomni.image.ImageTokens;
import org.xomni.rl.Phases.Phase;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Team;
import org.xomni.train.AdamW;
import org.xomni.train.Initial;
import org.xomni.train.Workers;

/** How fast the unified model's phases of a step go on this machine: whole steps on random weights and prompts, with rewards drawn at random. */
public final class GrpoSpeed implements AutoCloseable {
    private static final int PROMPT = 40;

    private final Policy policy;
    private final PolicyOptimizer optimizer;
    private final GrpoSettings settings;
    private final Workers workers;
    private final int tokens;
    private final PolicyUpdate update;
    private long step;

    /**
     * @param rollouts of a batch, in groups of at most 16
     * @param tokens of an image
     * @param rows that are drawn side by side
     * @param microBatch rollouts that are trained together
     */
    public GrpoSpeed(UnifiedConfig config, Numerics numerics, int rollouts, int tokens, int rows, int microBatch) {
        Engine.keepFreedMemory();
        this.policy = new Policy(model(config, numerics), model(config, numerics), null);
        this.optimizer = new PolicyOptimizer(policy, AdamW.Settings.DEFAULT, 0);
        int group = Math.max(2, Math.min(16, rollouts));
        this.settings = new GrpoSettings(
                Math.max(1, rollouts / group), group, 1, null, 0, 0.01, new Clip.Symmetric(0.2), new Aggregation.SequenceMean(), new Advantage.Standardised(), 1, 1, rows);
        this.workers = new Workers(numerics.onCpu() ? Engine.threads() : 1);
        this.tokens = tokens;
        this.update = new PolicyUpdate(policy, settings, Math.max(1, settings.batch() / Math.max(1, microBatch)), workers);
    }

    private static UnifiedModel model(UnifiedConfig config, Numerics numerics) {
        return UnifiedModel.of(config, ParameterStore.trainable("random weights", Map.of(), Initial.normal(1, 0.02), numerics));
    }

    /** Rollouts of a step. */
    public int rollouts() {
        return settings.batch();
    }

    /** One step; seconds by phase: {@code seconds_rollout, seconds_score, seconds_update}. */
    public Map<String, Double> step() {
        Phases phases = new Phases();
        UnifiedConfig config = policy.model().config();
        long now = step++;
        try (Scope scope = Scope.plain()) {
            List<Rollout> rollouts = phases.time(Phase.ROLLOUT, () -> workers.each(part -> share(config, now, part)).stream().flatMap(List::stream).toList());
            double[] rewards = new Random(now).doubles(settings.batch()).toArray();
            Groups groups = Groups.of(rollouts, rewards, settings.rollouts(), settings.advantage());
            PolicyUpdate.Scored scored = phases.time(Phase.SCORE, () -> update.score(groups, 1));
            PolicyUpdate.Outcome outcome = phases.time(Phase.UPDATE, () -> update.apply(scored, optimizer, 1e-5));
            assert outcome.updates() == 1;
        }
        Map<String, Double> seconds = new LinkedHashMap<>();
        phases.addTo(seconds);
        return seconds;
    }

    /** What one of the workers draws. */
    private List<Rollout> share(UnifiedConfig config, long step, int part) {
        int first = Team.from(part, workers.count(), settings.batch(), settings.rollouts());
        int last = Team.from(part + 1, workers.count(), settings.batch(), settings.rollouts());
        return IntStream.iterate(first, from -> from < last, from -> from + settings.rows())
                .boxed()
                .flatMap(from -> draw(config, step, from, Math.min(last, from + settings.rows())).stream())
                .toList();
    }

    private List<Rollout> draw(UnifiedConfig config, long step, int from, int to) {
        List<RolloutSampler.Row> rows = IntStream.range(from, to)
                .mapToObj(i -> {
                    int[] prompt = new Random(i / settings.rollouts()).ints(PROMPT, 0, config.vocabSize()).toArray();
                    return new RolloutSampler.Row(prompt, prompt, tokens, Seeds.mix(step, i));
                })
                .toList();
        List<int[]> drawn = RolloutSampler.draw(policy.model(), rows, RolloutSampler.UNFILTERED);
        return IntStream.range(0, rows.size())
                .mapToObj(i -> new Rollout(rows.get(i).prompt(), new ImageTokens(
                        1, tokens, Arrays.stream(drawn.get(i)).map(id -> id - config.vocabSize()).toArray())))
                .toList();
    }

    @Override
    public void close() {
        workers.close();
        update.close();
        optimizer.close();
        policy.close();
    }
}
