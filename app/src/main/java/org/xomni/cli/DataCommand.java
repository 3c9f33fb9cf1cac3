package org.xomni.cli;

import picocli.CommandLine.Command;

/** {@code xomni data}: makes and prepares what models are trained on. */
@Command(
        name = "data",
        mixinStandardHelpOptions = true,
        description = "Makes and prepares training data.",
        subcommands = {DataSignsCommand.class, DataTokenizeCommand.class},
        synopsisSubcommandLabel = "COMMAND")
final class DataCommand {}
