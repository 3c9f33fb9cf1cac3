package org.xomni.server;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import org.xomni.ServingEngine;
import org.xomni.ServingStatus;

/** Counts requests and writes everything in Prometheus' text format. */
final class Metrics {
    private static final double[] BOUNDS = {0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
    private static final double NANOS = 1e9;

    private final Map<Answer, LongAdder> requests = new ConcurrentSkipListMap<>();
    private final Map<String, Latencies> latencies = new ConcurrentSkipListMap<>();
    private long lastNanos = System.nanoTime();
    private long lastImageTokens;
    private long lastTextTokens;
    private double imageRate;
    private double textRate;

    /** What was asked and what came of it. */
    private record Answer(String route, int status) implements Comparable<Answer> {
        @Override
        public int compareTo(Answer other) {
            int order = route.compareTo(other.route);
            return order != 0 ? order : Integer.compare(status, other.status);
        }
    }

    /** A histogram. */
    private static final class Latencies {
        private final LongAdder[] counts = new LongAdder[BOUNDS.length + 1];
        private final LongAdder nanos = new LongAdder();

        Latencies() {
            Arrays.setAll(counts, i -> new LongAdder());
        }

        void add(long elapsed) {
            int bucket = 0;
            while (bucket < BOUNDS.length && elapsed / NANOS > BOUNDS[bucket]) {
                bucket++;
            }
            counts[bucket].increment();
            nanos.add(elapsed);
        }
    }

    /** @param route one of the server's own, never what a client wrote */
    void count(String route, int status, long nanos) {
        requests.computeIfAbsent(new Answer(route, status), unused -> new LongAdder()).increment();
        latencies.computeIfAbsent(route, unused -> new Latencies()).add(nanos);
    }

    /** Everything, as text. */
    String text(ServingEngine engine) {
        ServingStatus status = engine.status();
        measureRates(status);
        StringBuilder out = new StringBuilder(4096);
        gauge(out, "xomni_queue_length", "Tasks that wait.", status.waiting());
        gauge(out, "xomni_batch_rows", "Tasks in the batch.", status.rows());
        gauge(out, "xomni_decoding", "Pictures that wait for their pixels.", status.decoding());
        gauge(out, "xomni_image_tokens_per_second", "Image tokens a second since the last look.", imageRate);
        gauge(out, "xomni_text_tokens_per_second", "Text tokens a second since the last look.", textRate);
        counter(out, "xomni_image_tokens_total", "Image tokens drawn.", status.imageTokens());
        counter(out, "xomni_text_tokens_total", "Text tokens drawn.", status.textTokens());
        counter(out, "xomni_batch_steps_total", "Steps of the batch.", status.steps());
        counter(out, "xomni_images_total", "Pictures finished.", status.images());
        counter(out, "xomni_answers_total", "Answers finished.", status.answers());
        counter(out, "xomni_refused_total", "Tasks refused or given up.", status.refused());
        counter(out, "xomni_cancelled_total", "Tasks that clients gave up.", status.cancelled());
        head(out, "xomni_requests_total", "HTTP requests by route and status.", "counter");
        requests.forEach((answer, count) -> out.append("xomni_requests_total{route=\"").append(answer.route()).append("\",status=\"")
                .append(answer.status()).append("\"} ").append(count.sum()).append('\n'));
        head(out, "xomni_request_seconds", "How long requests took.", "histogram");
        latencies.forEach((route, histogram) -> write(out, route, histogram));
        return out.toString();
    }

    /** Over at least a second, so that two who look in turn do not see noise. */
    private synchronized void measureRates(ServingStatus status) {
        double seconds = (System.nanoTime() - lastNanos) / NANOS;
        if (seconds >= 1) {
            imageRate = (status.imageTokens() - lastImageTokens) / seconds;
            textRate = (status.textTokens() - lastTextTokens) / seconds;
            lastNanos = System.nanoTime();
            lastImageTokens = status.imageTokens();
            lastTextTokens = status.textTokens();
        }
    }

    private static void write(StringBuilder out, String route, Latencies histogram) {
        long below = 0;
        for (int i = 0; i <= BOUNDS.length; i++) {
            below += histogram.counts[i].sum();
            String bound = i == BOUNDS.length ? "+Inf" : Double.toString(BOUNDS[i]);
            out.append("xomni_request_seconds_bucket{route=\"").append(route).append("\",le=\"").append(bound).append("\"} ").append(below).append('\n');
        }
        String seconds = String.format(Locale.ROOT, "%.6f", histogram.nanos.sum() / NANOS);
        out.append("xomni_request_seconds_sum{route=\"").append(route).append("\"} ").append(seconds).append('\n');
        out.append("xomni_request_seconds_count{route=\"").append(route).append("\"} ").append(below).append('\n');
    }

    private static void gauge(StringBuilder out, String name, String help, double value) {
        head(out, name, help, "gauge");
        out.append(name).append(' ').append(String.format(Locale.ROOT, "%.3f", value)).append('\n');
    }

    private static void counter(StringBuilder out, String name, String help, long value) {
        head(out, name, help, "counter");
        out.append(name).append(' ').append(value).append('\n');
    }

    private static void head(StringBuilder out, String name, String help, String type) {
        out.append("# HELP ").append(name).append(' ').append(help).append("\n# TYPE ").append(name).append(' ').append(type).append('\n');
    }
}
