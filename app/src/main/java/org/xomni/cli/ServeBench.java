package org.xomni.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.xomni.ServingEngine;
import org.xomni.ServingLimits;
import org.xomni.XOmni;
import org.xomni.server.ServedModel;
import org.xomni.server.ServerOptions;
import org.xomni.server.XOmniServer;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code xomni bench serve}: a server of its own on the loopback address under load, or under hostile requests; ends by itself. */
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        description = {
            "Starts a deterministic server on the loopback address, draws some pictures one at a time, then the same with many clients at once, and prints",
            "one line of JSON. Exit code 1 if a picture differs from the one drawn alone, or an answer is neither a success nor 429.",
            "With --any-bits the server is not deterministic: pictures may differ.",
            "With --hostile N it sends N malformed requests instead; exit code 1 if one is answered with 5xx or not at all."
        })
final class ServeBench implements Callable<Integer> {
    private static final long PAGE_BYTES = 4096;
    /** Answers get a fourth of the time of pictures. */
    private static final int ANSWERS_SHARE = 4;

    private static final int MOST_CLIENTS = 1024;
    private static final int LONGEST_SECONDS = 3600;

    @Option(names = "--clients", paramLabel = "N", defaultValue = "32", description = "Default: 32.")
    int clients;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "60", description = "Default: 60.")
    int seconds;

    @Option(names = "--pictures", paramLabel = "N", defaultValue = "12", description = "Different pictures. Default: 12.")
    int pictures;

    @Option(names = "--side", paramLabel = "N", defaultValue = "0", description = "Pixels along the sides of the largest. Default: the model's own.")
    int side;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "1", description = "Decoder steps of a picture. Default: 1.")
    int steps;

    @Option(names = "--max-batch", paramLabel = "N", defaultValue = "32", description = "Rows drawn side by side. Default: 32.")
    int maxBatch;

    @Option(names = "--max-queue", paramLabel = "N", defaultValue = "64", description = "Requests that wait. Default: 64.")
    int maxQueue;

    @Option(names = "--any-bits", description = "Start a server that is not deterministic, which is faster.")
    boolean anyBits;

    @Option(names = "--hostile", paramLabel = "N", defaultValue = "0", description = "Malformed requests to send instead.")
    int hostile;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1", description = "Of the hostile requests. Default: 1.")
    long seed;

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() throws Exception {
        if (clients < 1 || clients > MOST_CLIENTS || seconds < 1 || seconds > LONGEST_SECONDS || pictures < 1 || hostile < 0) {
            throw new InputException("--clients, --seconds, --pictures or --hostile is out of range; leave them out for the defaults");
        }
        ServingLimits limits = ServingLimits.DEFAULT.sizes(maxBatch, maxQueue).deterministic(!anyBits);
        Map<String, Object> line = new LinkedHashMap<>();
        boolean good;
        try (XOmni xomni = modelOptions.load();
                ServingEngine engine = ServingEngine.start(xomni, limits);
                XOmniServer server = XOmniServer.start(List.of(new ServedModel("xomni", engine)), ServerOptions.local(0))) {
            if (hostile > 0) {
                good = new HostileRequests(server.port(), seed).send(hostile, line);
            } else {
                int patch = xomni.checkpoint().decoder().upscaleFactor();
                int largest = side > 0 ? side : Math.max(xomni.checkpoint().defaultSize().height(), patch);
                line.put("bench", "serve");
                line.put("deterministic", !anyBits);
                line.put("clients", clients);
                line.put("max_batch", maxBatch);
                Duration time = Duration.ofSeconds(seconds);
                boolean drawn = LoadTest.pictures(engine, server.port(), largest, patch, pictures, steps).run(clients, time, line);
                boolean said = LoadTest.answers(engine, server.port(), pictures).run(clients, time.dividedBy(ANSWERS_SHARE), line);
                good = drawn && said;
            }
        }
        System.out.println(Json.mapper().writeValueAsString(line));
        return good ? 0 : 1;
    }

    /** Resident memory of this process in MiB, or 0 where the system does not tell. */
    static long residentMegabytes() {
        try {
            Path statm = Path.of("/proc/self/statm");
            return Files.isReadable(statm) ? Long.parseLong(Files.readString(statm).split(" ", 3)[1]) * PAGE_BYTES >> 20 : 0;
        } catch (IOException e) {
            return 0;
        }
    }
}
