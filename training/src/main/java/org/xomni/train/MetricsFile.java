package org.xomni.train;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** What a run has measured so far, as {@link Metrics} wrote it. The run may still go on: a last line that is not whole yet is left out. */
public record MetricsFile(List<Line> lines) {

    /**
     * One line.
     *
     * @param step how many steps were done
     * @param seconds of training so far, those before interruptions included
     * @param values by name; the names of nested objects are joined with dots; NaN where it was not finite
     * @param problem what went wrong, or null
     */
    public record Line(long step, double seconds, Map<String, Double> values, @Nullable String problem) {}

    /**
     * One measurement over the steps.
     *
     * @param steps ascending
     * @param values as many
     */
    public record Series(String name, long[] steps, double[] values) {}

    public MetricsFile {
        lines = List.copyOf(lines);
    }

    /**
     * Reads a run's measurements.
     *
     * @param run the run's folder
     * @throws InputException if there are none, or a line before the last is damaged
     */
    public static MetricsFile read(Path run) {
        Path file = run.resolve(Metrics.FILE);
        if (!Files.isRegularFile(file)) {
            throw new InputException(file + " does not exist; name the folder of a run");
        }
        List<Line> lines = new ArrayList<>();
        try {
            long unused = scan(file, lines::add);
        } catch (IOException e) {
            throw new InputException(file + " cannot be read (" + e + "); check its permissions", e);
        }
        return new MetricsFile(lines);
    }

    /** The names of all measurements, in the order in which they first appear. */
    public Set<String> names() {
        Set<String> names = new LinkedHashSet<>();
        lines.forEach(line -> names.addAll(line.values().keySet()));
        return names;
    }

    /** A measurement where it was made. */
    public Series series(String name) {
        List<Line> with = lines.stream().filter(line -> line.values().containsKey(name)).toList();
        return new Series(name, with.stream().mapToLong(Line::step).toArray(),
                with.stream().mapToDouble(line -> line.values().getOrDefault(name, Double.NaN)).toArray());
    }

    /**
     * Hands over the lines in order, until one is refused or the file ends.
     *
     * @return how many bytes the lines have that were not refused
     */
    static long scan(Path file, Predicate<Line> reader) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        int start = 0;
        for (int number = 1; start < bytes.length; number++) {
            int end = start;
            while (end < bytes.length && bytes[end] != '\n') {
                end++;
            }
            if (end == bytes.length) {
                return start; // torn: its writer was killed, or is at it now
            }
            Line line = line(new String(bytes, start, end - start, UTF_8));
            if (line == null && end == bytes.length - 1) {
                return start;
            } else if (line == null) {
                throw new InputException(file + ", line " + number + ": this is no line of metrics; remove it");
            } else if (!reader.test(line)) {
                return start;
            }
            start = end + 1;
        }
        return start;
    }

    private static @Nullable Line line(String text) {
        try {
            JsonNode node = Json.mapper().readTree(text);
            JsonNode step = node.get(Metrics.STEP);
            if (step == null || !step.isIntegralNumber()) {
                return null;
            }
            Map<String, Double> values = new LinkedHashMap<>();
            collect("", node, values);
            Double seconds = values.remove(Metrics.SECONDS);
            values.remove(Metrics.STEP);
            JsonNode problem = node.get(Metrics.PROBLEM);
            return new Line(step.longValue(), seconds == null ? 0 : seconds, values, problem == null ? null : problem.asString());
        } catch (JacksonException e) {
            return null;
        }
    }

    private static void collect(String prefix, JsonNode node, Map<String, Double> values) {
        node.properties().forEach(property -> {
            JsonNode value = property.getValue();
            String name = prefix + property.getKey();
            if (value.isObject()) {
                collect(name + ".", value, values);
            } else if (value.isNumber() || value.isNull()) {
                values.put(name, value.isNull() ? Double.NaN : value.doubleValue());
            }
        });
    }
}
