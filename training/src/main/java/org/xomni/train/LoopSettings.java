package org.xomni.train;

import org.xomni.tensor.InputException;

/**
 * How long and how fast a stage trains.
 *
 * @param steps of the optimiser
 * @param accumulate micro-batches whose gradients are averaged in one step
 * @param learningRate the full rate
 * @param schedule its course
 * @param optimizer constants
 * @param ema decay of the averaged weights that are exported; 0 exports the weights themselves
 * @param checkpointEvery steps between checkpoints
 * @param logEvery steps between lines of metrics
 */
public record LoopSettings(
        long steps,
        int accumulate,
        double learningRate,
        Schedule schedule,
        AdamW.Settings optimizer,
        double ema,
        long checkpointEvery,
        long logEvery) {
    public LoopSettings {
        if (steps < 1 || accumulate < 1 || checkpointEvery < 1 || logEvery < 1) {
            throw new InputException("steps " + steps + ", accumulate " + accumulate + ", checkpoint-every " + checkpointEvery
                    + " and log-every " + logEvery + " must all be at least 1");
        }
        if (!(learningRate > 0 && learningRate < 10)) {
            throw new InputException("learning-rate is " + learningRate + ", expected a number above 0, such as 1e-3");
        }
        if (!(ema >= 0 && ema < 1)) {
            throw new InputException("ema is " + ema + ", expected a number from 0 and below 1, such as 0.998");
        }
    }

    /** The same with steps, checkpoints and lines of metrics as another has them. */
    LoopSettings lasting(LoopSettings other) {
        return new LoopSettings(other.steps, accumulate, learningRate, schedule, optimizer, ema, other.checkpointEvery, other.logEvery);
    }

    /** The learning rate of a step, from 0. */
    public double learningRate(long step) {
        return learningRate * schedule.at(step, steps);
    }
}
