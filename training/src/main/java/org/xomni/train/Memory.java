package org.xomni.train;

import java.util.List;

/**
 * Bytes of one process that trains, without the libraries' own and the data's.
 *
 * @param weights trained and frozen
 * @param gradients of what is trained, whose sums are fp32
 * @param masters fp32 copies of trained weights that are not fp32
 * @param moments the two running means of AdamW, fp32
 * @param averages of trained weights, fp32, from which the export is written; none with {@code ema: 0}
 * @param activations what a micro-batch leaves for the backward pass; see {@link Activations}
 * @param cache keys and values of what is drawn side by side, which are gone when there are activations
 */
public record Memory(long weights, long gradients, long masters, long moments, long averages, long activations, long cache) {
    private static final long FP32 = 4;

    static Memory of(List<Part> parts, Activations activations, long cache, boolean averaged) {
        long trained = parts.stream().mapToLong(Part::trained).sum();
        return new Memory(
                parts.stream().mapToLong(Part::bytes).sum(),
                FP32 * trained,
                FP32 * parts.stream().mapToLong(Part::mastered).sum(),
                2 * FP32 * trained,
                averaged ? FP32 * trained : 0,
                activations.bytes(),
                cache);
    }

    /** All that is there at the same time. */
    public long total() {
        return weights + gradients + masters + moments + averages + Math.max(activations, cache);
    }
}
