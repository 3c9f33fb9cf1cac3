package org.xomni.train.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.xomni.train.report.Html.count;
import static org.xomni.train.report.Html.duration;
import static org.xomni.train.report.Html.escape;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.xomni.tensor.InputException;
import org.xomni.tensor.NewFile;
import org.xomni.train.MetricsFile;

/**
 * Writes a run, or all runs in a folder, as one page of HTML that needs nothing else: curves, latest values, sheets, problems, recipes.
 * Runs that measure the same are drawn into the same charts.
 */
public final class RunReport {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm 'UTC'").withZone(ZoneOffset.UTC);
    /** What is trained for, and what every stage measures, stands first and last; what only one measures between, as the stage has it. */
    private static final List<String> FIRST = List.of("reward", "held_out_reward", "loss");
    private static final List<String> LARGE = List.of("reward", "loss");
    private static final List<String> LAST = List.of("gradient_norm", "learning_rate", "samples_per_s", "tokens_per_s");

    private RunReport() {}

    /**
     * Writes the page.
     *
     * @param folder of a run, or of several
     * @param file to write
     * @throws InputException if there is no run in the folder
     */
    public static void write(Path folder, Path file) {
        NewFile.write(file, page(folder, RunFolder.all(folder), Instant.now()));
    }

    static String page(Path folder, List<RunFolder> runs, Instant now) {
        String title = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
        StringBuilder body = new StringBuilder();
        body.append("<header><h1>").append(escape(title)).append("</h1><p>").append(runs.size() == 1 ? "One run" : runs.size() + " runs")
                .append(", as of ").append(TIME.format(now)).append("</p></header>\n");
        List<List<RunFolder>> groups = alike(runs);
        body.append(overview(runs, runs.size() > 1 && groups.size() == 1));
        for (List<RunFolder> group : groups) {
            body.append(section(group, runs.size() > 1));
        }
        return """
                <!DOCTYPE html>
                <html lang="en"><head><meta charset="utf-8">
                <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
                script-src 'unsafe-inline'">
                <meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
                <title>%s</title>
                <style>
                %s</style></head><body>
                %s<script>
                %s</script></body></html>
                """.formatted(escape(title), resource("report.css"), body, resource("report.js"));
    }

    /** Runs of the same measurements together: they are of the same stage. A run that has just begun may not have all of them yet. */
    private static List<List<RunFolder>> alike(List<RunFolder> runs) {
        List<List<RunFolder>> groups = new ArrayList<>();
        for (RunFolder run : runs) {
            Optional<List<RunFolder>> like = groups.stream().filter(group -> alike(own(group.getFirst()), own(run))).findFirst();
            like.orElseGet(() -> {
                groups.add(new ArrayList<>());
                return groups.getLast();
            }).add(run);
        }
        return groups;
    }

    private static boolean alike(Set<String> a, Set<String> b) {
        return 2 * a.stream().filter(b::contains).count() >= Math.max(1, Math.min(a.size(), b.size())) || a.isEmpty() && b.isEmpty();
    }

    /** What a run measures that not every run does. */
    private static Set<String> own(RunFolder run) {
        Set<String> names = new TreeSet<>(run.metrics().names());
        FIRST.forEach(names::remove);
        LAST.forEach(names::remove);
        return names;
    }

    private static String overview(List<RunFolder> runs, boolean compared) {
        StringBuilder html = new StringBuilder("""
                <div class="wide"><table><thead><tr><th>run</th><th>steps</th><th>training</th><th>loss</th><th>samples/s</th>\
                <th>tokens/s</th><th>problems</th><th>last line</th></tr></thead><tbody>
                """);
        for (RunFolder run : runs) {
            String of = run.steps().isPresent() ? " <small>of " + count(run.steps().getAsLong()) + "</small>" : "";
            int problems = Problems.of(run).count();
            html.append("<tr><th><a href=\"#").append(escape(run.name())).append("\"")
                    .append(compared ? " class=\"c" + Chart.colour(runs.indexOf(run)) + "\"" : "").append('>')
                    .append(escape(run.name())).append("</a></th><td>").append(count(run.step())).append(of)
                    .append("</td><td>").append(duration(run.seconds()))
                    .append("</td><td>").append(mean(run, "loss")).append("</td><td>").append(mean(run, "samples_per_s"))
                    .append("</td><td>").append(mean(run, "tokens_per_s"))
                    .append(problems == 0 ? "</td><td>none" : "</td><td class=\"alarm\">" + problems)
                    .append("</td><td>").append(TIME.format(run.written())).append("</td></tr>\n");
        }
        return html.append("</tbody></table></div>\n").toString();
    }

    private static String mean(RunFolder run, String metric) {
        List<Curve.Point> points = Curve.of(run.metrics().series(metric)).points();
        return points.isEmpty() ? "-" : Axis.text(points.getLast().mean());
    }

    private static String section(List<RunFolder> group, boolean several) {
        StringBuilder html = new StringBuilder("<section>\n");
        if (several) {
            html.append("<h2>");
            group.forEach(run -> html.append(
                    "<span class=\"c%s\">%s</span> ".formatted(Chart.colour(group.indexOf(run)), escape(run.name()))));
            html.append("</h2>\n");
        }
        html.append("<div class=\"charts\">\n");
        List<String> metrics = ordered(group);
        for (String metric : metrics) {
            List<Chart.Line> lines = group.stream()
                    .map(run -> new Chart.Line(run.name(), group.indexOf(run), Curve.of(run.metrics().series(metric))))
                    .toList();
            html.append(Chart.of(metric, lines, LARGE.contains(metric) && metric.equals(metrics.getFirst())));
        }
        html.append("</div>\n");
        for (RunFolder run : group) {
            html.append("<article id=\"").append(escape(run.name())).append("\">\n");
            if (group.size() > 1) {
                html.append("<h3 class=\"name c%s\">%s</h3>\n".formatted(Chart.colour(group.indexOf(run)), escape(run.name())));
            }
            html.append(Problems.of(run).html()).append(SheetViewer.of(run.sheets())).append(values(run, metrics));
            if (run.recipe() != null) {
                html.append("<details><summary>Recipe</summary><pre>").append(escape(run.recipe().strip())).append("</pre></details>\n");
            }
            html.append("</article>\n");
        }
        return html.append("</section>\n").toString();
    }

    private static List<String> ordered(List<RunFolder> group) {
        Set<String> names = new LinkedHashSet<>();
        group.forEach(run -> names.addAll(run.metrics().names()));
        // The loop writes rates for every stage; one without tokens has none to show.
        names.removeIf(name -> name.endsWith("_per_s")
                && group.stream().allMatch(run -> Arrays.stream(run.metrics().series(name).values()).allMatch(value -> value == 0)));
        List<String> ordered = new ArrayList<>(names);
        ordered.sort(Comparator.comparingInt(name -> FIRST.contains(name) ? FIRST.indexOf(name) - FIRST.size() : LAST.indexOf(name) + 1));
        return ordered;
    }

    private static String values(RunFolder run, List<String> metrics) {
        StringBuilder html = new StringBuilder("""
                <details><summary>Latest values</summary><div class="wide"><table><thead><tr><th>measurement</th><th>last</th>\
                <th>mean now</th><th>lowest</th><th>highest</th></tr></thead><tbody>
                """);
        for (String metric : metrics) {
            MetricsFile.Series series = run.metrics().series(metric);
            double[] values = series.values();
            if (values.length == 0) {
                continue;
            }
            html.append("<tr><th>").append(escape(Html.label(metric))).append("</th><td>").append(Axis.text(values[values.length - 1]))
                    .append("</td><td>").append(mean(run, metric));
            for (int sign : new int[] {1, -1}) {
                int best = -1;
                for (int i = 0; i < values.length; i++) {
                    if (Double.isFinite(values[i]) && (best < 0 || sign * values[i] < sign * values[best])) {
                        best = i;
                    }
                }
                html.append("</td><td>");
                html.append(best < 0 ? "-" : Axis.text(values[best]) + " <small>at " + count(series.steps()[best]) + "</small>");
            }
            html.append("</td></tr>\n");
        }
        return html.append("</tbody></table></div></details>\n").toString();
    }

    private static String resource(String name) {
        try (InputStream in = Objects.requireNonNull(RunReport.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
