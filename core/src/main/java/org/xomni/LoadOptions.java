package org.xomni;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Quantization;

/**
 * How a checkpoint is loaded.
 *
 * @param flux the FLUX pipeline folder, or null for {@code MODEL/flux} or a sibling {@code flux} folder
 * @param dtype of the weights of all parts, or null for the checkpoint's own
 * @param quantization of the unified model's linear layers
 * @param device {@code cpu}, {@code cuda} or {@code cuda:i}
 * @param threads for operations of the whole process, all models in it included, until another number is loaded with; 0 leaves it as it is: at first all cores
 * @param offload whether to release each part (image tokenizer, unified model, decoder) before the next one loads; in a conversation the unified model stays while an image is
 *     tokenized
 */
public record LoadOptions(
        @Nullable Path flux, @Nullable DType dtype, Quantization quantization, String device, int threads, boolean offload) {
    /** The checkpoint as it is, on the CPU, all parts kept. */
    public static final LoadOptions DEFAULT = new LoadOptions(null, null, Quantization.NONE, "cpu", 0, false);

    public LoadOptions {
        if (threads < 0) {
            throw new InputException("--threads " + threads + " is negative; give the number of CPU cores to use");
        }
    }

    /** The same with another FLUX folder. */
    public LoadOptions flux(Path flux) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }

    /** The same with another type of weights. */
    public LoadOptions dtype(DType dtype) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }

    /** The same with the unified model's matrices held otherwise. */
    public LoadOptions quantization(Quantization quantization) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }

    /** The same on another device: {@code cpu}, {@code cuda} or {@code cuda:i}. */
    public LoadOptions device(String device) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }

    /** The same on another number of threads, or with 0 on as many as are used already. */
    public LoadOptions threads(int threads) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }

    /** The same with parts that take turns in memory, or not. */
    public LoadOptions offload(boolean offload) {
        return new LoadOptions(flux, dtype, quantization, device, threads, offload);
    }
}
