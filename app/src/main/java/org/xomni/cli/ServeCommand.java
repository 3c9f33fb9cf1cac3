package org.xomni.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xomni.ServingLimits;
import org.xomni.server.ServedModel;
import org.xomni.server.ServerOptions;
import org.xomni.server.XOmniServer;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xomni serve}: an OpenAI-compatible API and a web page. */
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        description = {"Serves an OpenAI-compatible API and a web page.", "Ctrl-C or SIGTERM ends it: what is begun is finished, the rest refused."})
final class ServeCommand implements Callable<Integer> {
    @Option(names = "--host", paramLabel = "ADDRESS", defaultValue = "127.0.0.1", description = "Where to listen. Default: 127.0.0.1, this machine only.")
    String host = "127.0.0.1";

    @Option(names = "--port", paramLabel = "N", defaultValue = "8080", description = "Default: 8080; 0 for any that is free.")
    int port;

    @Option(names = "--api-key-file", paramLabel = "FILE", description = "Keys that clients must show, one a line, of at least 16 characters each.")
    @Nullable
    Path keyFile;

    @Option(names = "--no-key", description = "Lets everybody in who reaches an address beyond this machine.")
    boolean noKey;

    @Option(names = "--max-batch", paramLabel = "N", defaultValue = "8", description = "Rows drawn side by side; guidance takes two. Default: 8.")
    int maxBatch;

    @Option(names = "--max-queue", paramLabel = "N", defaultValue = "64", description = "Requests that wait beyond these. Default: 64.")
    int maxQueue;

    @Option(names = "--timeout", paramLabel = "SECONDS", defaultValue = "600", description = "Of a request, its waiting included. Default: 600.")
    long timeout;

    @Option(names = "--grace", paramLabel = "SECONDS", defaultValue = "30", description = "For what is begun when the server ends. Default: 30.")
    long grace;

    @Option(names = "--deterministic", description = "A request gives the same bits whatever its company.")
    boolean deterministic;

    @Option(names = "--max-body", paramLabel = "BYTES", defaultValue = "33554432", description = "Of a request. Default: 32 MiB.")
    int maxBody;

    @Option(names = "--max-pixels", paramLabel = "N", defaultValue = "16777216", description = "Of an image, shown or drawn. Default: 16 Mi.")
    long maxPixels;

    @Option(names = "--max-prompt", paramLabel = "N", defaultValue = "32000", description = "Characters of a prompt, or of a conversation. Default: 32000.")
    int maxPrompt;

    @Option(names = "--log-requests", description = "A line for each request, without what it says.")
    boolean logRequests;

    @Option(names = "--log-prompts", description = "Also prompts and messages, without their images.")
    boolean logPrompts;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            arity = "1..*",
            description = "Checkpoint folders, each served by its folder's name; the first where a request names none. Default: the embedded model.")
    List<Path> models = new ArrayList<>();

    @Mixin
    EngineOptions engineOptions = new EngineOptions();

    @Override
    public Integer call() throws InterruptedException {
        List<String> keys = keyFile == null ? List.of() : keys(keyFile);
        if (grace < 0) {
            throw new InputException("--grace " + grace + " is negative; leave it out for the default");
        }
        ServingLimits limits = new ServingLimits(maxBatch, maxQueue, Duration.ofSeconds(timeout), deterministic);
        ServerOptions options = new ServerOptions(host, port, keys, noKey, maxBody, maxPixels, maxPrompt, logRequests || logPrompts, logPrompts);
        CountDownLatch asked = new CountDownLatch(1);
        try (Interrupt interrupt = Interrupt.listen(asked::countDown);
                ServedModels served = ServedModels.load(engineOptions, models, limits)) {
            XOmniServer server = XOmniServer.start(served.all(), options);
            String names = served.all().stream().map(ServedModel::id).collect(Collectors.joining(", "));
            String shown = host.contains(":") ? "[" + host + "]" : host;
            System.err.println("xomni: serving " + names + " on http://" + shown + ":" + server.port() + "/");
            asked.await();
            System.err.println("xomni: ending; what is begun is finished");
            server.close(Duration.ofSeconds(grace));
            return interrupt.exitCode();
        }
    }

    private static List<String> keys(Path file) {
        List<String> keys;
        try {
            keys = Files.readAllLines(file).stream().map(String::strip).filter(line -> !line.isEmpty()).toList();
        } catch (IOException e) {
            throw new InputException("--api-key-file " + file + " cannot be read (" + e.getClass().getSimpleName() + "); check its name and permissions", e);
        }
        if (keys.isEmpty() || keys.stream().anyMatch(key -> key.length() < ServerOptions.SHORTEST_KEY)) {
            throw new InputException("--api-key-file " + file + " must have a key of at least " + ServerOptions.SHORTEST_KEY + " characters on each line");
        }
        return keys;
    }
}
