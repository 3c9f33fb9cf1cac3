package org.xomni.rl;

// Shapes: B rollouts, T image tokens.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;
import org.xomni.train.AdamW;

/**
 * What a batch of rollouts does to the policy: scores by the policy as it is (old) and by the reference, then clipped updates. Micro-batches are the same
 * in all scorings, so that each score is made by the same arithmetic and the ratio is exactly 1 as long as the weights have not moved.
 */
final class PolicyUpdate {
    private final Policy policy;
    private final GrpoSettings settings;
    private final int accumulate;

    /**
     * @param accumulate micro-batches of an update
     */
    PolicyUpdate(Policy policy, GrpoSettings settings, int accumulate) {
        this.policy = policy;
        this.settings = settings;
        this.accumulate = accumulate;
    }

    /**
     * Rollouts that are scored together.
     *
     * @param old_BT log-probabilities by the policy that drew them
     * @param reference_BT by the reference
     * @param advantages_B1 of the rollouts
     * @param weights_BT of the tokens in their mini-batch
     */
    private record MicroBatch(RolloutTensors tensors, Tensor old_BT, Tensor reference_BT, Tensor advantages_B1, Tensor weights_BT) {}

    /** A batch, scored: for each update of an epoch its micro-batches. */
    record Scored(List<List<MicroBatch>> miniBatches, long tokens, double entropy) {}

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
    }

    /** Scores a batch by both models. The tensors live as long as the caller's scope. */
    Scored score(Groups batch) {
        UnifiedConfig config = policy.model().config();
        List<List<MicroBatch>> miniBatches = new ArrayList<>();
        long tokens = 0;
        double entropy = 0;
        for (Groups mini : batch.split(settings.miniBatches())) {
            double[] weights = settings.aggregation().weights(mini.rollouts().stream().mapToInt(Rollout::length).toArray());
            List<MicroBatch> microBatches = new ArrayList<>();
            int from = 0;
            for (Groups micro : mini.split(accumulate)) {
                int to = from + micro.rollouts().size();
                RolloutTensors tensors = RolloutTensors.of(micro.rollouts(), config, policy.model().numerics());
                try (Scope scope = Scope.frozen()) {
                    TokenScores old = TokenScores.of(policy.model(), tensors);
                    entropy += old.entropy().item_float();
                    Tensor reference_BT = TokenScores.of(policy.reference(), tensors).chosen_BT();
                    microBatches.add(new MicroBatch(
                            tensors, scope.keep(old.chosen_BT()), scope.keep(reference_BT), scope.keep(RolloutTensors.column(micro.advantages(), reference_BT)),
                            scope.keep(tensors.overTokens(Arrays.copyOfRange(weights, from, to)))));
                }
                tokens += micro.rollouts().stream().mapToInt(Rollout::length).sum();
                from = to;
            }
            miniBatches.add(microBatches);
        }
        return new Scored(miniBatches, tokens, tokens == 0 ? 0 : entropy / tokens);
    }

    /**
     * Goes through a batch as often as the settings say, one step of the optimiser for each mini-batch.
     *
     * @throws XOmniException if a loss or a gradient is no number any more
     */
    Outcome apply(Scored batch, AdamW optimizer, double learningRate) {
        Outcome outcome = new Outcome();
        for (int epoch = 0; epoch < settings.epochs(); epoch++) {
            for (List<MicroBatch> miniBatch : batch.miniBatches()) {
                double before = outcome.loss;
                for (MicroBatch micro : miniBatch) {
                    backward(micro, outcome);
                }
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

    private void backward(MicroBatch micro, Outcome outcome) {
        try (Scope scope = Scope.plain()) {
            Tensor current_BT = TokenScores.of(policy.model(), micro.tensors()).chosen_BT();
            GrpoLoss loss = GrpoLoss.of(
                    current_BT, micro.old_BT(), micro.reference_BT(), micro.advantages_B1(), micro.weights_BT(), micro.tensors().mask_BT(),
                    settings.clip(), settings.kl());
            loss.total().backward();
            outcome.loss += loss.total().item_float();
            outcome.kl += loss.kl().item_float();
            outcome.clippedHigh += loss.clippedHigh().item_float();
            outcome.clippedLow += loss.clippedLow().item_float();
            outcome.tokens += (long) micro.tensors().mask_BT().sum().item_float();
            if (outcome.updates == 0) {
                for (float logRatio : Tensors.floats(current_BT.sub(micro.old_BT()))) {
                    outcome.firstRatioError = Math.max(outcome.firstRatioError, Math.abs(Math.expm1(logRatio)));
                }
            }
        }
    }
}
