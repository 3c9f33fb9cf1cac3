package org.xomni.cli;

import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Engine;
import picocli.CommandLine.Option;

/** Where and on how many threads a command computes. */
class ComputeOptions {
    @Option(names = "--device", paramLabel = "D", defaultValue = "cpu", description = "cpu, cuda or cuda:i. Default: cpu.")
    String device = "cpu";

    @Option(names = "--threads", paramLabel = "N", description = "CPU threads. Default: one for each core.")
    @Nullable
    Integer threads;

    @Option(names = "--debug", description = "Show the stack trace of an error.")
    boolean debug;

    /** Sets the threads where no model is loaded by {@link EngineOptions#load}. */
    void applyThreads() {
        if (threads != null) {
            Engine.threads(threads);
        }
    }
}
