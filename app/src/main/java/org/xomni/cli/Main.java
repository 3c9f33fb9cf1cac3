package org.xomni.cli;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.UnmatchedArgumentException;

/** {@code xomni}: exit code 0 for success, 2 for bad usage or input, 1 for failure; errors are one line on stderr. */
@Command(
        name = "xomni",
        mixinStandardHelpOptions = true,
        version = "xomni 0.1.0",
        description = "Draws and understands images with X-Omni: one autoregressive model for text and images.",
        subcommands = {
            GenerateCommand.class,
            ChatCommand.class,
            TokenizeCommand.class,
            DetokenizeCommand.class,
            InspectCommand.class,
            ServeCommand.class,
            DataCommand.class,
            InitCommand.class,
            TrainCommand.class,
            ReportCommand.class,
            EvalCommand.class,
            BenchCommand.class
        },
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Without --model the embedded model is used.",
            "Example: xomni generate 'a red sign that says \"OPEN\"' -o sign.png"
        })
public final class Main {
    private static final int FAILURE = 1;
    private static final int BAD_INPUT = 2;

    private Main() {}

    public static void main(String[] args) {
        Terminal.takeOver();
        Interrupt.endAtOnce();
        Thread loading = loadEngineMeanwhile();
        int code = run(args);
        String lost = Terminal.lost();
        if (code == 0 && lost != null) {
            code = report("what was to be printed is lost (" + lost + ")", "give standard output somewhere to go", FAILURE);
        }
        if (loading.isAlive()) {
            // libtorch cannot be taken down while it comes up, and nobody has needed it.
            Terminal.end(code);
        }
        System.exit(code);
    }

    /** libtorch takes a second to load: time in which the command line, configurations and tokenizers are read. */
    private static Thread loadEngineMeanwhile() {
        // What goes wrong here goes wrong again, and is reported, where libtorch is needed.
        return Thread.ofPlatform().daemon().name("load-engine").uncaughtExceptionHandler((thread, e) -> {}).start(Engine::threads);
    }

    /** Runs a command line and returns its exit code. */
    static int run(String... args) {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        // A prompt that begins with @ is a prompt.
        line.setExpandAtFiles(false);
        // It takes a list of folders, in which a misspelt option is no folder.
        Objects.requireNonNull(line.getSubcommands().get("serve")).setUnmatchedOptionsAllowedAsOptionParameters(false);
        Numbers.register(line);
        line.setParameterExceptionHandler((e, unused) -> report(
                e instanceof UnmatchedArgumentException unmatched ? unmatched(unmatched) : String.valueOf(e.getMessage()),
                "see " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help", BAD_INPUT));
        line.setExecutionExceptionHandler((e, command, parsed) -> explain(e, debug(args)));
        if (args.length == 0) {
            line.usage(System.out);
            return BAD_INPUT;
        }
        try {
            return line.execute(args);
        } catch (OutOfMemoryError e) {
            return report("the Java heap is too small for this (" + e.getMessage() + ")", "allow more with XOMNI_JAVA_OPTS=-Xmx8g", FAILURE);
        } catch (Error e) {
            return explain(e, debug(args));
        }
    }

    /** What the command line has too much of, and what may have been meant. */
    private static String unmatched(UnmatchedArgumentException e) {
        if (e.getUnmatched().isEmpty()) {
            return String.valueOf(e.getMessage());
        }
        String first = "'" + e.getUnmatched().getFirst() + "'";
        String what = e.isUnknownOption() ? "there is no option " + first
                : e.getCommandLine().getSubcommands().isEmpty() ? first + " is one argument too many"
                : "there is no command " + first;
        String begin = e.getUnmatched().getFirst().replaceFirst("^-+", "");
        return e.getSuggestions().stream()
                .filter(s -> begin.length() > 1 && s.replaceFirst("^-+", "").startsWith(begin.substring(0, 2)))
                .findFirst()
                .map(meant -> what + "; did you mean " + meant + "?")
                .orElse(what);
    }

    private static boolean debug(String[] args) {
        return Arrays.asList(args).contains("--debug");
    }

    private static int explain(Throwable e, boolean debug) {
        if (debug) {
            e.printStackTrace();
        }
        return switch (e) {
            case InputException input -> report(String.valueOf(input.getMessage()), null, BAD_INPUT);
            case XOmniException known -> report(String.valueOf(known.getMessage()), null, FAILURE);
            case CancellationException cancelled -> report(String.valueOf(cancelled.getMessage()), null, FAILURE);
            default -> report("internal error: " + e.getClass().getSimpleName() + ": " + e.getMessage(), "run again with --debug and report it", FAILURE);
        };
    }

    private static int report(String message, @Nullable String remedy, int code) {
        String line = message.lines().map(String::strip).filter(l -> !l.isEmpty()).findFirst().orElse("failed");
        System.err.println("xomni: " + line + (remedy == null ? "" : "; " + remedy));
        return code;
    }
}
