package org.xomni.server;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import org.xomni.ServingStatus;

/** Counts requests and writes everything in Prometheus' text format. */
final class Metrics {
    private static final double[] BOUNDS = {0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};
    private static final double NANOS = 1e9;

    private final Map<Answer, LongAdder> requests = new ConcurrentSkipListMap<>();
    private final Map<String, Latencies> latencies = new ConcurrentSkipListMap<>();
    private final Map<ServedModel, Rates> rates = new LinkedHashMap<>();

    Metrics(Models models) {
        models.all().forEach(model -> rates.put(model, new Rates()));
    }

    /** What was asked and what came of it. */
    private record Answer(String route, int status) implements Comparable<Answer> {
        @Override
        public int compareTo(Answer other) {
            int order = route.compareTo(other.route);
            return order != 0 ? order : Integer.compare(status, other.status);
        }
    }

    /** How fast a model draws and talks, over at least a second, so that two who look in turn do not see noise. */
    private static final class Rates {
        private long lastNanos = System.nanoTime();
        private long lastImageTokens;
        private long lastTextTokens;
        private double image;
        private double text;

        synchronized Look look(ServingStatus status) {
            double seconds = (System.nanoTime() - lastNanos) / NANOS;
            if (seconds >= 1) {
                image = (status.imageTokens() - lastImageTokens) / seconds;
                text = (status.textTokens() - lastTextTokens) / seconds;
                lastNanos = System.nanoTime();
                lastImageTokens = status.imageTokens();
                lastTextTokens = status.textTokens();
            }
            return new Look(status, image, text);
        }
    }

    /** Where a model stands, and how many tokens it draws a second. */
    private record Look(ServingStatus status, double imageRate, double textRate) {}

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
    String text() {
        Map<String, Look> looks = new LinkedHashMap<>();
        rates.forEach((model, rate) -> looks.put(model.id(), rate.look(model.engine().status())));
        StringBuilder out = new StringBuilder(4096);
        gauge(out, "xomni_queue_length", "Tasks that wait.", looks, look -> look.status().waiting());
        gauge(out, "xomni_batch_rows", "Tasks in the batch.", looks, look -> look.status().rows());
        gauge(out, "xomni_decoding", "Pictures that wait for their pixels.", looks, look -> look.status().decoding());
        gauge(out, "xomni_image_tokens_per_second", "Image tokens a second since the last look.", looks, Look::imageRate);
        gauge(out, "xomni_text_tokens_per_second", "Text tokens a second since the last look.", looks, Look::textRate);
        counter(out, "xomni_image_tokens_total", "Image tokens drawn.", looks, ServingStatus::imageTokens);
        counter(out, "xomni_text_tokens_total", "Text tokens drawn.", looks, ServingStatus::textTokens);
        counter(out, "xomni_batch_steps_total", "Steps of the batch.", looks, ServingStatus::steps);
        counter(out, "xomni_images_total", "Pictures finished.", looks, ServingStatus::images);
        counter(out, "xomni_answers_total", "Answers finished.", looks, ServingStatus::answers);
        counter(out, "xomni_refused_total", "Tasks refused or given up.", looks, ServingStatus::refused);
        counter(out, "xomni_cancelled_total", "Tasks that clients gave up.", looks, ServingStatus::cancelled);
        head(out, "xomni_requests_total", "HTTP requests by route and status.", "counter");
        requests.forEach((answer, count) -> out.append("xomni_requests_total{route=\"").append(answer.route()).append("\",status=\"")
                .append(answer.status()).append("\"} ").append(count.sum()).append('\n'));
        head(out, "xomni_request_seconds", "How long requests took.", "histogram");
        latencies.forEach((route, histogram) -> write(out, route, histogram));
        return out.toString();
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

    private static void gauge(StringBuilder out, String name, String help, Map<String, Look> looks, ToDoubleFunction<Look> value) {
        head(out, name, help, "gauge");
        looks.forEach((model, look) -> out.append(name).append("{model=\"").append(model).append("\"} ")
                .append(String.format(Locale.ROOT, "%.3f", value.applyAsDouble(look))).append('\n'));
    }

    private static void counter(StringBuilder out, String name, String help, Map<String, Look> looks, ToLongFunction<ServingStatus> value) {
        head(out, name, help, "counter");
        looks.forEach((model, look) -> out.append(name).append("{model=\"").append(model).append("\"} ")
                .append(value.applyAsLong(look.status())).append('\n'));
    }

    private static void head(StringBuilder out, String name, String help, String type) {
        out.append("# HELP ").append(name).append(' ').append(help).append("\n# TYPE ").append(name).append(' ').append(type).append('\n');
    }
}
