package org.xomni.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.xomni.ServingEngine;
import org.xomni.ServingStatus;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** Many clients that ask for the same few things over and over, each answer compared with the one given alone. */
final class LoadTest {
    private static final int WINDOWS = 4;
    /** One at a time, and to warm up for either, a sixth of the time is spent. */
    private static final int SHORTER = 6;
    private static final int ANSWER_TOKENS = 96;

    private final ServingEngine engine;
    private final URI address;
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String prefix;
    private final Function<JsonNode, String> content;
    private final List<String> requests = new ArrayList<>();
    private final List<String> alone = new ArrayList<>();
    private final AtomicLong answered = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong different = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();

    private LoadTest(ServingEngine engine, int port, String path, String prefix, Function<JsonNode, String> content) {
        this.engine = engine;
        this.address = URI.create("http://127.0.0.1:" + port + path);
        this.prefix = prefix;
        this.content = content;
    }

    /**
     * Pictures of several sizes.
     *
     * @param largest pixels along the sides of the largest picture
     * @param steps of the decoder
     */
    static LoadTest pictures(ServingEngine engine, int port, int largest, int patch, int count, int steps) {
        LoadTest test = new LoadTest(
                engine, port, "/v1/images/generations", "", response -> response.path("data").path(0).path("b64_json").asString(""));
        for (int i = 0; i < count; i++) {
            int height = Math.max(patch, largest * (i % 3 + 1) / 3 / patch * patch);
            test.requests.add(
                    "{\"prompt\":\"picture " + i + "\",\"seed\":" + i + ",\"size\":\"" + largest + "x" + height + "\",\"xomni_steps\":" + steps + "}");
        }
        return test;
    }

    /** Answers, which need no decoder: what the batch alone can do. */
    static LoadTest answers(ServingEngine engine, int port, int count) {
        LoadTest test = new LoadTest(engine, port, "/v1/chat/completions", "answers_",
                response -> response.path("choices").path(0).path("message").path("content").asString(""));
        for (int i = 0; i < count; i++) {
            test.requests.add("{\"messages\":[{\"role\":\"user\",\"content\":\"question " + i + "\"}],\"temperature\":1,\"max_tokens\":" + ANSWER_TOKENS
                    + ",\"seed\":" + i + "}");
        }
        return test;
    }

    /** What a stretch of time brought. */
    private record Stretch(double seconds, ServingStatus from, ServingStatus to) {
        double tasksPerSecond() {
            return (to.images() + to.answers() - from.images() - from.answers()) / seconds;
        }

        private long tokens() {
            return to.imageTokens() + to.textTokens() - from.imageTokens() - from.textTokens();
        }

        double tokensPerSecond() {
            return tokens() / seconds;
        }

        /** Of the time in which the batch was stepped, so that waiting for the decoder does not count. */
        double tokensPerSteppedSecond() {
            return tokens() * 1e9 / Math.max(1, to.stepNanos() - from.stepNanos());
        }

        double rowsPerStep() {
            return (double) tokens() / Math.max(1, to.steps() - from.steps());
        }
    }

    /** Measures; whether all went well, where a picture that differs from the one drawn alone is a fault only if the server is deterministic. */
    boolean run(int clients, Duration time, Map<String, Object> line) throws InterruptedException, IOException {
        for (String request : requests) {
            alone.add(ask(request));
        }
        // Code that is not compiled yet would make one at a time look slow, and many at once, too.
        Duration shorter = time.dividedBy(SHORTER);
        oneAtATime(shorter);
        Stretch one = measure(() -> oneAtATime(shorter));
        load(clients, shorter, new ArrayList<>());
        List<Long> memory = new ArrayList<>();
        Stretch many = measure(() -> load(clients, time, memory));
        line.put(prefix + "seconds", Stopwatch.round(many.seconds()));
        line.put(prefix + "done", answered.get());
        line.put(prefix + "refused_429", refused.get());
        line.put(prefix + "different", different.get());
        line.put(prefix + "failed", failed.get());
        line.put(prefix + "tokens_per_s_alone", Stopwatch.round(one.tokensPerSteppedSecond()));
        line.put(prefix + "tokens_per_s_batched", Stopwatch.round(many.tokensPerSteppedSecond()));
        line.put(prefix + "batching_gain", Stopwatch.round(many.tokensPerSteppedSecond() / one.tokensPerSteppedSecond()));
        line.put(prefix + "rows_per_step", Stopwatch.round(many.rowsPerStep()));
        line.put(prefix + "end_to_end_tokens_per_s_alone", Stopwatch.round(one.tokensPerSecond()));
        line.put(prefix + "end_to_end_tokens_per_s_batched", Stopwatch.round(many.tokensPerSecond()));
        line.put(prefix + "done_per_s_alone", Stopwatch.round(one.tasksPerSecond()));
        line.put(prefix + "done_per_s_batched", Stopwatch.round(many.tasksPerSecond()));
        line.put(prefix + "resident_mib", memory);
        return (different.get() == 0 || !engine.limits().deterministic()) && failed.get() == 0 && answered.get() > 0;
    }

    /** Work that takes time. */
    @FunctionalInterface
    private interface Work {
        void run() throws InterruptedException, IOException;
    }

    private Stretch measure(Work work) throws InterruptedException, IOException {
        ServingStatus from = engine.status();
        long start = System.nanoTime();
        work.run();
        return new Stretch((System.nanoTime() - start) / 1e9, from, engine.status());
    }

    private void oneAtATime(Duration time) throws IOException, InterruptedException {
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() - end < 0) {
            for (String request : requests) {
                String unused = ask(request);
            }
        }
    }

    private void load(int clients, Duration time, List<Long> memory) throws InterruptedException {
        long end = System.nanoTime() + time.toNanos();
        List<Thread> threads = new ArrayList<>();
        for (int c = 0; c < clients; c++) {
            Random random = new Random(c);
            threads.add(Thread.ofVirtual().start(() -> client(random, end)));
        }
        for (int window = 0; window < WINDOWS; window++) {
            Thread.sleep(time.dividedBy(WINDOWS));
            memory.add(ServeBench.residentMegabytes());
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void client(Random random, long end) {
        while (System.nanoTime() - end < 0) {
            int which = random.nextInt(requests.size());
            try {
                HttpResponse<String> response = post(requests.get(which));
                if (response.statusCode() == 429) {
                    refused.incrementAndGet();
                    Thread.sleep(100 + random.nextInt(200));
                } else if (response.statusCode() != 200) {
                    failed.incrementAndGet();
                } else {
                    answered.incrementAndGet();
                    if (!content(response).equals(alone.get(which))) {
                        different.incrementAndGet();
                    }
                }
            } catch (IOException e) {
                failed.incrementAndGet();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private String ask(String request) throws IOException, InterruptedException {
        HttpResponse<String> response = post(request);
        if (response.statusCode() != 200) {
            throw new IllegalStateException("what was asked alone was answered with " + response.statusCode() + " " + response.body());
        }
        return content(response);
    }

    private HttpResponse<String> post(String request) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(address).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(request)).build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private String content(HttpResponse<String> response) {
        return content.apply(Json.mapper().readTree(response.body()));
    }
}
