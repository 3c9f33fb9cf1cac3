package org.xomni.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.xomni.LoadOptions;
import org.xomni.XOmni;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Quantization;
import picocli.CommandLine.Option;

/** How models are loaded, whichever they are. */
class EngineOptions extends ComputeOptions {
    @Option(names = "--flux", paramLabel = "DIR", description = "FLUX.1-dev pipeline folder. Default: MODEL/flux, or flux beside MODEL.")
    @Nullable
    Path flux;

    @Option(names = "--dtype", paramLabel = "D", description = "Weights as float32 or bfloat16. Default: the checkpoint's own.")
    @Nullable
    String dtype;

    @Option(names = "--quantize", paramLabel = "Q", defaultValue = "none", description = "int8 (weight-only) or none. Default: none.")
    String quantize = "none";

    @Option(names = "--offload", description = "Release each part of the model before the next one loads.")
    boolean offload;

    LoadOptions loadOptions() {
        if (threads != null && threads < 1) {
            throw new InputException("--threads " + threads + " is below 1; give the number of CPU cores to use");
        }
        return new LoadOptions(
                flux, dtype == null ? null : DType.named(dtype), Quantization.named(quantize), device, threads == null ? 0 : threads, offload);
    }

    /** @param model its folder, or null for the embedded one */
    XOmni load(@Nullable Path model) {
        return model == null ? XOmni.loadDefault(loadOptions()) : XOmni.load(model, loadOptions());
    }
}
