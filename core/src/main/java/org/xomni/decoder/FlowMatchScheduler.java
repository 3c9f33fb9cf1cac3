package org.xomni.decoder;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.InputException;

/**
 * Noise levels for rectified flow (Esser et al. 2024, as FLUX uses it): {@code x_sigma = (1 - sigma) x_0 + sigma noise}, the model predicts
 * the velocity {@code noise - x_0}, and Euler's method walks sigma from 1 to 0. More positions share more of an image's information, so
 * larger images spend more steps at high noise.
 *
 * @param config the checkpoint's constants
 */
public record FlowMatchScheduler(SchedulerConfig config) {
    /** The most steps of one schedule. */
    public static final int MOST_STEPS = 10_000;

    /**
     * The levels of one run.
     *
     * @param sigmas {@code steps + 1} noise levels from 1 down to 0
     * @param numTrainTimesteps the timestep that stands for pure noise
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Schedule(float[] sigmas, int numTrainTimesteps) {

        public int steps() {
            return sigmas.length - 1;
        }

        /** The level of a step as the model was trained with it, 0 to {@code numTrainTimesteps}. */
        public float timestep(int step) {
            return sigmas[step] * numTrainTimesteps;
        }

        /** {@code x + (sigma' - sigma) v}, where sigma' is the level after {@code step}. */
        public Tensor advance(Tensor x, Tensor velocity, int step) {
            return x.add(velocity, new Scalar(sigmas[step + 1] - sigmas[step]));
        }
    }

    /**
     * The schedule for an image.
     *
     * @param steps 1 to {@link #MOST_STEPS}
     * @param positions L, the image positions that the transformer sees
     * @throws InputException if steps are out of range
     */
    public Schedule schedule(int steps, int positions) {
        requireSteps(steps);
        float[] sigmas = new float[steps + 1];
        for (int i = 0; i < steps; i++) {
            float even = (float) (1 - i / (double) steps);
            sigmas[i] = config.useDynamicShifting() ? dynamicShift(even, mu(positions)) : fixedShift(even);
        }
        return new Schedule(sigmas, config.numTrainTimesteps());
    }

    /** @throws InputException if a walk cannot have so many steps */
    public static void requireSteps(int steps) {
        if (steps < 1 || steps > MOST_STEPS) {
            throw new InputException("--steps " + steps + " is out of range; use 1 to " + MOST_STEPS);
        }
    }

    /** The logarithm of the shift at a number of positions. */
    public double mu(int positions) {
        double slope = (config.maxShift() - config.baseShift()) / (config.maxImageSeqLen() - config.baseImageSeqLen());
        return config.baseShift() + slope * (positions - config.baseImageSeqLen());
    }

    private static float dynamicShift(float sigma, double mu) {
        float shift = (float) Math.exp(mu);
        return shift / (shift + (1 / sigma - 1));
    }

    private float fixedShift(float sigma) {
        float shift = (float) config.shift();
        return shift * sigma / (1 + (shift - 1) * sigma);
    }
}
