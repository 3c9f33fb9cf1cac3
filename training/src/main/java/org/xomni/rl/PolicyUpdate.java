package org.xomni.rl;

// Shapes: M image tokens of a micro-batch.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;
import org.xomni.train.Replicas;
import org.xomni.train.Workers;

/**
 * What a batch of rollouts does to the policy: scores by the policy as it is (old) and by the reference, then clipped updates. Micro-batches are the same
 * in all scorings, so that each score is made by the same arithmetic and the ratio is exactly 1 as long as the weights have not moved. With a single update
 * they have not: old scores are the current ones then, and not made twice.
 *
 * <p>Workers share the micro-batches ({@link Replicas}).
 */
final class PolicyUpdate implements AutoCloseable {
    private final Policy policy;
    private final GrpoSettings settings;
    private final int accumulate;
    private final Workers workers;
    private final Replicas models;

    /**
     * @param policy whose parameters an optimiser has taken over
     * @param accumulate micro-batches of an update
     * @param workers stay the caller's
     */
    PolicyUpdate(Policy policy, GrpoSettings settings, int accumulate, Workers workers) {
        this.policy = policy;
        this.settings = settings;
        this.accumulate = accumulate;
        this.workers = workers;
        this.models = new Replicas(policy.model(), workers);
    }

    /**
     * Rollouts that are scored together.
     *
     * @param drawn_M how often each token was drawn
     * @param old_M log-probabilities by the policy that drew them, or null where they are the current ones
     * @param reference_M by the reference
     * @param advantages_M of the rollouts
     * @param weights_M of the tokens in their mini-batch
     */
    private record MicroBatch(
            RolloutTensors tensors, Tensor drawn_M, @Nullable Tensor old_M, Tensor reference_M, Tensor advantages_M, Tensor weights_M) {}

    /** A batch, scored: for each update of an epoch its micro-batches. */
    record Scored(List<List<MicroBatch>> miniBatches, double temperature) {}

    /** Log-probabilities of a micro-batch's tokens, by policy (or null) and reference. */
    @SuppressWarnings("ArrayRecordComponent") // read only
    private record Scores(float @Nullable [] old, float[] reference) {}

    /** What updates did, summed; means are over {@code tokens}. */
    static final class Outcome {
        private double loss;
        private double kl;
        private double entropy;
        private double clippedHigh;
        private double clippedLow;
        private double norm;
        private double firstRatioError;
        private long tokens;
        private int updates;

        /** Mean loss of an update. */
        double loss() {
            return loss / Math.max(1, updates);
        }

        /** Mean k3 of a token, in nats. */
        double kl() {
            return kl / Math.max(1, tokens);
        }

        /** Mean entropy of the distributions that tokens were drawn from, in nats. */
        double entropy() {
            return entropy / Math.max(1, tokens);
        }

        /** Share of tokens whose ratio was clipped from above. */
        double clippedHigh() {
            return clippedHigh / Math.max(1, tokens);
        }

        /** Share of tokens whose ratio was clipped from below. */
        double clippedLow() {
            return clippedLow / Math.max(1, tokens);
        }

        /** Mean norm of the gradient of an update, before clipping. */
        double gradientNorm() {
            return norm / Math.max(1, updates);
        }

        /** The largest distance of a ratio from 1 at the first update of a batch that has several: 0. */
        double firstRatioError() {
            return firstRatioError;
        }

        int updates() {
            return updates;
        }

        private void add(Outcome part) {
            loss += part.loss;
            kl += part.kl;
            entropy += part.entropy;
            clippedHigh += part.clippedHigh;
            clippedLow += part.clippedLow;
            tokens += part.tokens;
        }
    }

    /**
     * Scores a batch by both models, or by the reference alone. The tensors live as long as the caller's scope.
     *
     * @param temperature at which it was drawn
     */
    Scored score(Groups batch, double temperature) {
        List<List<MicroBatch>> miniBatches = new ArrayList<>();
        for (Groups mini : batch.split(settings.miniBatches())) {
            List<Groups> parts = mini.split(accumulate);
            List<RolloutTensors> tensors = parts.stream().map(p -> RolloutTensors.of(p.rollouts(), policy.model().config(), policy.model().numerics())).toList();
            List<Scores> scores = workers.share(parts.size(), (worker, i) -> score(tensors.get(i), temperature));
            double[] weights = mini.weights(settings.aggregation());
            List<MicroBatch> microBatches = new ArrayList<>();
            int from = 0;
            for (int i = 0; i < parts.size(); i++) {
                int to = from + parts.get(i).members().size();
                microBatches.add(microBatch(tensors.get(i), scores.get(i), parts.get(i), Arrays.copyOfRange(weights, from, to)));
                from = to;
            }
            miniBatches.add(microBatches);
        }
        return new Scored(miniBatches, temperature);
    }

    private Scores score(RolloutTensors tensors, double temperature) {
        return new Scores(
                settings.updates() == 1 ? null : score(policy.model(), tensors, temperature),
                score(policy.reference(), tensors, GrpoSettings.REFERENCE_TEMPERATURE));
    }

    private static float[] score(UnifiedModel model, RolloutTensors tensors, double temperature) {
        try (Scope scope = Scope.frozen()) {
            return Tensors.floats(TokenScores.of(model, tensors, temperature).chosen_M());
        }
    }

    private MicroBatch microBatch(RolloutTensors tensors, Scores scores, Groups part, double[] weights) {
        return new MicroBatch(
                tensors,
                tensors.overTokens(part.counts()),
                scores.old() == null ? null : place(scores.old()),
                place(scores.reference()),
                tensors.overTokens(part.advantages()),
                tensors.overTokens(weights));
    }

    private Tensor place(float[] scores) {
        return policy.model().numerics().place(Tensors.of(scores, scores.length));
    }

    /**
     * Goes through a batch as often as the settings say, one step of the optimiser for each mini-batch.
     *
     * @throws XOmniException if a loss or a gradient is no number any more
     */
    Outcome apply(Scored batch, PolicyOptimizer optimizer, double learningRate) {
        Outcome outcome = new Outcome();
        for (int epoch = 0; epoch < settings.epochs(); epoch++) {
            for (List<MicroBatch> miniBatch : batch.miniBatches()) {
                List<Outcome> parts = workers.share(miniBatch.size(), (worker, i) -> backward(worker, miniBatch.get(i), batch.temperature()));
                if (outcome.updates == 0) {
                    outcome.firstRatioError = parts.stream().mapToDouble(Outcome::firstRatioError).max().orElse(0);
                }
                double before = outcome.loss;
                parts.forEach(outcome::add);
                models.gather();
                double norm = optimizer.gradientNorm();
                if (!Double.isFinite(outcome.loss - before) || !Double.isFinite(norm)) {
                    throw new XOmniException("the loss is " + (outcome.loss - before) + " and the gradient norm " + norm);
                }
                optimizer.step(learningRate, norm);
                outcome.norm += norm;
                outcome.updates++;
            }
        }
        return outcome;
    }

    private Outcome backward(int worker, MicroBatch micro, double temperature) {
        try (Scope scope = Scope.plain()) {
            TokenScores scores = TokenScores.of(models.of(worker), micro.tensors(), temperature);
            Tensor current_M = scores.chosen_M();
            Tensor old_M = micro.old_M() == null ? current_M.detach() : micro.old_M();
            GrpoLoss loss = GrpoLoss.of(
                    current_M, old_M, micro.reference_M(), micro.advantages_M(), micro.weights_M(), micro.drawn_M(), settings.clip(), settings.kl());
            loss.total().backward();
            models.widen(worker);
            Outcome outcome = new Outcome();
            outcome.loss = loss.total().item_float();
            outcome.kl = loss.kl().item_float();
            outcome.entropy = scores.entropy(micro.drawn_M()).item_float();
            outcome.clippedHigh = loss.clippedHigh().item_float();
            outcome.clippedLow = loss.clippedLow().item_float();
            outcome.tokens = (long) micro.drawn_M().sum().item_float();
            for (float logRatio : Tensors.floats(current_M.sub(old_M))) {
                outcome.firstRatioError = Math.max(outcome.firstRatioError, Math.abs(Math.expm1(logRatio)));
            }
            return outcome;
        }
    }

    @Override
    public void close() {
        models.close();
    }
}
