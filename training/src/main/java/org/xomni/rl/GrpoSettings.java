package org.xomni.rl;

import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;
import org.xomni.train.Default;

/**
 * What a recipe says about GRPO. The defaults are the paper's where it says something: 16 rollouts a prompt, a KL weight of 0.01; the objective is
 * that of GRPO's own paper (arXiv 2402.03300).
 *
 * @param prompts of a batch; the paper's batch of 512 rollouts has 32
 * @param rollouts for each prompt: a group
 * @param temperature at which rollouts are drawn and scored, old and current, in the first step: above 1 the policy explores more than it will when it is
 *     used, at temperature 1. The reference is scored at {@link #REFERENCE_TEMPERATURE}: the penalty is least where the policy, drawn at this temperature, draws what the
 *     reference draws at 1. At 1 it is then surer than the reference, its logits being larger by this factor; so at another temperature than 1 the KL is above 0 from the first step
 * @param finalTemperature in the last step, if there are several; it changes evenly in between, and should rise as the policy becomes surer; by default it stays
 * @param scaleRate of the scale of image logits, a factor on the learning rate: the policy learns how sure it may be of what it draws ({@link PolicyOptimizer}). 0: not by itself, only
 *     as far as weights grow; so it has to be with adapters
 * @param kl weight of the penalty towards the reference, beta
 * @param clip of the ratio
 * @param aggregation of tokens
 * @param advantage of a rollout within its group
 * @param epochs how often a batch is gone through
 * @param miniBatches updates in an epoch, each on its share of the batch
 * @param rows images that each thread draws side by side
 */
public record GrpoSettings(
        int prompts,
        @Default("16") int rollouts,
        @Default("1") double temperature,
        @Nullable Double finalTemperature,
        @Default("0") double scaleRate,
        @Default("0.01") double kl,
        @Default("{kind: symmetric, epsilon: 0.2}") Clip clip,
        @Default("sequence-mean") Aggregation aggregation,
        @Default("standardised") Advantage advantage,
        @Default("1") int epochs,
        @Default("1") int miniBatches,
        @Default("8") int rows) {
    /** At which the reference is scored: as it draws when it is used. */
    static final double REFERENCE_TEMPERATURE = 1;

    public GrpoSettings {
        if (prompts < 1 || rollouts < 2 || epochs < 1 || miniBatches < 1 || rows < 1) {
            throw new InputException("prompts " + prompts + ", epochs " + epochs + ", mini-batches " + miniBatches + " and rows " + rows
                    + " must be at least 1, rollouts " + rollouts + " at least 2: one has no group to be compared with");
        }
        check("temperature", temperature);
        if (finalTemperature != null) {
            check("final-temperature", finalTemperature);
        }
        if (!(scaleRate >= 0) || scaleRate > 1000) {
            throw new InputException("scale-rate is " + scaleRate + ", expected a number from 0, such as 30");
        }
        if (!(kl >= 0) || kl > 100) {
            throw new InputException("kl is " + kl + ", expected a number from 0, such as 0.01");
        }
    }

    /** Rollouts of a batch. */
    public int batch() {
        return prompts * rollouts;
    }

    /** Steps of the optimiser that a batch brings, unless nothing can be learnt from it. */
    int updates() {
        return epochs * miniBatches;
    }

    private static void check(String name, double temperature) {
        if (!(temperature > 0) || temperature > 100) {
            throw new InputException(name + " is " + temperature + ", expected a number above 0, such as 1");
        }
    }

    /** The temperature of a step, from 0, of so many. */
    double temperature(long step, long steps) {
        double end = finalTemperature == null ? temperature : finalTemperature;
        return temperature + (end - temperature) * step / Math.max(1, steps - 1);
    }
}
