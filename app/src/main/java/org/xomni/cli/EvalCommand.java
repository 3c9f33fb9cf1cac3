package org.xomni.cli;

import picocli.CommandLine.Command;

/** {@code xomni eval}: how good a model is. */
@Command(
        name = "eval",
        mixinStandardHelpOptions = true,
        description = "Measures how good a model is, with 95%% intervals.",
        subcommands = {EvalSignsCommand.class, EvalRlClaimsCommand.class},
        synopsisSubcommandLabel = "COMMAND")
final class EvalCommand {}
