package org.xomni.cli;

import org.xomni.autoregressive.Sampling;
import picocli.CommandLine.Option;

/** How image tokens are drawn; the defaults are the reference's. */
final class SamplingOptions {
    @Option(names = "--cfg", paramLabel = "S", defaultValue = "1", description = "Classifier-free guidance of the tokens. Default: 1 (none).")
    double guidance;

    @Option(names = "--temperature", paramLabel = "T", defaultValue = "1", description = "0 takes the best token. Default: 1.")
    double temperature;

    @Option(names = "--top-k", paramLabel = "K", defaultValue = "50", description = "Draw from the K best tokens; 0 for all. Default: 50.")
    int topK;

    @Option(names = "--top-p", paramLabel = "P", defaultValue = "1", description = "Draw from the likeliest ones that hold P. Default: 1.")
    double topP;

    @Option(names = "--min-p", paramLabel = "P", defaultValue = "0.03", description = "Least probability relative to the best. Default: 0.03.")
    double minP;

    Sampling sampling() {
        return new Sampling(guidance, temperature, topK, topP, minP);
    }
}
