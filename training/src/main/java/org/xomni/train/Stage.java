package org.xomni.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.xomni.data.SampleStream;

/** One stage of training: what is trained, and the loss on its data. */
public interface Stage extends AutoCloseable {

    /** What is trained; everything else does not move. */
    List<ParameterGroup> groups();

    /**
     * Adds the gradients of the next micro-batch's share of a step's loss to the parameters'. All randomness comes from {@code step} and {@code microBatch} and the
     * recipe's seed, so that a resumed run makes the same batches.
     *
     * @param step from 0
     * @param microBatch within the step
     * @param accumulate micro-batches of a step
     * @return the loss and its share; every sample, or every target, weighs the same in whichever micro-batch it is
     */
    Loss gradients(long step, int microBatch, int accumulate);

    /** After all gradients of a step, before they are clipped: what computes gradients from gradients. */
    default void afterGradients() {}

    /** After the optimiser's step: what changes weights by other means than gradients. */
    default void afterStep(long step, AdamW optimizer) {}

    /**
     * What is measured on samples that are not trained on, by name.
     *
     * @param step how many steps are done
     * @return nothing unless it is time
     */
    default Map<String, Double> heldOut(long step) {
        return Map.of();
    }

    /** Tensors beside the optimiser's that a resumed run needs, by name; filled in place on resuming. */
    default Map<String, Tensor> buffers() {
        return Map.of();
    }

    /** Where the data stands, to be handed to {@link #resume}. */
    String position();

    /** Goes on with the data where {@link #position} was taken. */
    void resume(String position);

    /** The samples that could not be used, since the stage was made or resumed. */
    default SampleStream.Skipped skipped() {
        return SampleStream.Skipped.NONE;
    }

    /**
     * Writes what was trained in the released layout, in bf16.
     *
     * @param folder an empty folder; files lie in it as in a checkpoint's folder
     * @param weights fp32, by the names of {@link #groups}
     */
    void export(Path folder, Map<String, Tensor> weights);

    /**
     * Writes pictures of how far it has come.
     *
     * @param file a PNG to write
     * @return whether the stage has any
     */
    default boolean sheet(Path file) {
        return false;
    }

    @Override
    void close();
}
