package org.xomni.cli;

import org.jspecify.annotations.Nullable;
import org.xomni.DecodeSettings;
import picocli.CommandLine.Option;

/** How tokens become pixels. */
final class DecodeOptions {
    @Option(names = "--steps", paramLabel = "N", description = "Steps of the diffusion decoder. Default: the checkpoint's.")
    @Nullable
    Integer steps;

    @Option(names = "--decoder-cfg", paramLabel = "S", description = "Guidance of the diffusion decoder. Default: the checkpoint's.")
    @Nullable
    Double guidance;

    @Option(names = "--tiled", description = "Decode large images in tiles, with less memory.")
    boolean tiled;

    DecodeSettings settings() {
        return new DecodeSettings(steps, guidance, tiled);
    }
}
