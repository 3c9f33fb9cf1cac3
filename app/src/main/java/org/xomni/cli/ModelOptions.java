package org.xomni.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.xomni.XOmni;
import picocli.CommandLine.Option;

/** What every command that loads one model takes. */
final class ModelOptions extends EngineOptions {
    @Option(names = "--model", paramLabel = "DIR", description = "Checkpoint folder, the one with config.json. Default: the embedded model.")
    @Nullable
    Path model;

    XOmni load() {
        return load(model);
    }
}
