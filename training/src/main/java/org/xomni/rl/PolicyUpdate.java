package org.xomni.rl;

// Shapes: B rollouts, T image tokens.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;
import org.xomni.train.Replicas;
import org.xomni.train.Workers;

/**
 * What a batch of rollouts does to the policy: scores by the policy as it is (old) and by the reference, then clipped updates. Micro-batches are the same
 * in all scorings, so that each score is made by the same arithmetic and the ratio is exactly 1 as long as the weights have not moved.
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
     * @param drawn_BT how often each token was drawn, 0 at padding
     * @param old_BT log-probabilities by the policy that drew them
     * @param reference_BT by the reference
     * @param advantages_B1 of the rollouts
     * @param weights_BT of the tokens in their mini-batch
     */
    private record MicroBatch(
            RolloutTensors tensors, Tensor drawn_BT, Tensor old_BT, Tensor reference_BT, Tensor advantages_B1, Tensor weights_BT) {}

    /** A batch, scored: for each update of an epoch its micro-batches. */
    record Scored(List<List<MicroBatch>> miniBatches, double temperature, double entropy) {}

    /** Log-probabilities of a micro-batch's tokens, by policy and reference, and the sum of entropies. */
    @SuppressWarnings("ArrayRecordComponent") // read only
    private record Scores(float[] old, float[] reference, double entropy) {}

    /** What updates did, summed; means are over {@code tokens}. */
    static final class Outcome {
        private double loss;
        private double kl;
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

        /** The largest distance of a ratio from 1 at the batch's first update: 0. */
        double firstRatioError() {
            return firstRatioError;
        }

        int updates() {
            return updates;
        }

        private void add(Outcome part) {
            loss += part.loss;
            kl += part.kl;
            clippedHigh += part.clippedHigh;
            clippedLow += part.clippedLow;
            tokens += part.tokens;
        }
    }

    /**
     * Scores a batch by both models. The tensors live as long as the caller's scope.
     *
     * @param temperature at which it was drawn
     */
    Scored score(Groups batch, double temperature) {
        List<List<MicroBatch>> miniBatches = new ArrayList<>();
        double entropy = 0;
        for (Groups mini : batch.split(settings.miniBatches())) {
            List<Groups> parts = mini.split(accumulate);
            List<RolloutTensors> tensors = parts.stream().map(p -> RolloutTensors.of(p.rollouts(), policy.model().config(), policy.model().numerics())).toList();
            List<Scores> scores = workers.share(parts.size(), (worker, i) -> score(tensors.get(i), parts.get(i).counts(), temperature));
            double[] weights = mini.weights(settings.aggregation());
            List<MicroBatch> microBatches = new ArrayList<>();
            int from = 0;
            for (int i = 0; i < parts.size(); i++) {
                int to = from + parts.get(i).members().size();
                microBatches.add(microBatch(tensors.get(i), scores.get(i), parts.get(i), Arrays.copyOfRange(weights, from, to)));
                entropy += scores.get(i).entropy();
                from = to;
            }
            miniBatches.add(microBatches);
        }
        return new Scored(miniBatches, temperature, entropy / Math.max(1, batch.tokens()));
    }

    private Scores score(RolloutTensors tensors, double[] counts, double temperature) {
        try (Scope scope = Scope.frozen()) {
            TokenScores old = TokenScores.of(policy.model(), tensors, temperature);
            Tensor reference_BT = TokenScores.of(policy.reference(), tensors, GrpoSettings.REFERENCE_TEMPERATURE).chosen_BT();
            return new Scores(Tensors.floats(old.chosen_BT()), Tensors.floats(reference_BT), old.entropy(tensors.overTokens(counts)).item_float());
        }
    }

    private MicroBatch microBatch(RolloutTensors tensors, Scores scores, Groups part, double[] weights) {
        long[] shape = Tensors.shape(tensors.mask_BT());
        return new MicroBatch(
                tensors,
                tensors.overTokens(part.counts()),
                policy.model().numerics().place(Tensors.of(scores.old(), shape)),
                policy.model().numerics().place(Tensors.of(scores.reference(), shape)),
                RolloutTensors.column(part.advantages(), tensors.mask_BT()),
                tensors.overTokens(weights));
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
            Tensor current_BT = TokenScores.of(models.of(worker), micro.tensors(), temperature).chosen_BT();
            GrpoLoss loss = GrpoLoss.of(
                    current_BT, micro.old_BT(), micro.reference_BT(), micro.advantages_B1(), micro.weights_BT(), micro.drawn_BT(),
                    settings.clip(), settings.kl());
            loss.total().backward();
            models.widen(worker);
            Outcome outcome = new Outcome();
            outcome.loss = loss.total().item_float();
            outcome.kl = loss.kl().item_float();
            outcome.clippedHigh = loss.clippedHigh().item_float();
            outcome.clippedLow = loss.clippedLow().item_float();
            outcome.tokens = (long) micro.drawn_BT().sum().item_float();
            for (float logRatio : Tensors.floats(current_BT.sub(micro.old_BT()))) {
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
