package org.xomni.train.report;

import static org.xomni.train.report.Html.escape;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * One measurement of one or several runs over their steps. Lines are SVG stretched to the chart's place, labels are HTML beside it, so that
 * text has its size on a phone too. A faint band shows the single values, the line their running mean.
 */
final class Chart {
    private static final int SIZE = 1000;
    private static final int COLOURS = 8;

    private Chart() {}

    /**
     * A line.
     *
     * @param name of the run
     * @param colour from 0: which of the runs on the page it is
     */
    record Line(String name, int colour, Curve curve) {}

    /** A chart as HTML. */
    static String of(String metric, List<Line> lines, boolean large) {
        List<Curve> curves = lines.stream().map(Line::curve).toList();
        Axis x = Curve.steps(curves);
        // A schedule is read by its shape, which only a plain scale shows.
        Axis y = Curve.scale(curves, !metric.equals("learning_rate"));
        return """
                <figure class="chart%s%s">
                <figcaption><b>%s</b>%s<span class="values">%s</span></figcaption>
                <div class="plot"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="%s over steps">
                %s%s</svg>%s<i class="at"></i></div>
                <script type="application/json">%s</script>
                </figure>
                """.formatted(
                large ? " large" : "", lines.size() > 1 ? " many" : "",
                escape(Html.label(metric)), y.log() ? "<small>log scale</small>" : "",
                lines.stream().map(Chart::latest).collect(Collectors.joining()), escape(Html.label(metric)),
                grid(y), lines.stream().map(l -> drawn(l, x, y)).collect(Collectors.joining()), labels(x, y, large), data(lines, x, y));
    }

    private static String latest(Line line) {
        List<Curve.Point> points = line.curve().points();
        return "<span class=\"c" + colour(line.colour()) + "\" title=\"" + escape(line.name()) + "\">"
                + (points.isEmpty() ? "-" : Axis.text(points.getLast().mean())) + "</span>";
    }

    /** The name of a run's colour in the style sheet, after a {@code c}; beyond eight runs no colour is told from the others. */
    static String colour(int index) {
        return index < COLOURS ? Integer.toString(index) : "x";
    }

    private static String grid(Axis y) {
        return y.ticks(4).stream()
                .map(tick -> "<line class=\"grid\" x1=\"0\" x2=\"1000\" y1=\"%s\" y2=\"%1$s\"/>".formatted(down(y.place(tick))))
                .collect(Collectors.joining("", "", "\n"));
    }

    private static String labels(Axis x, Axis y, boolean large) {
        StringBuilder html = new StringBuilder();
        for (double tick : y.ticks(4)) {
            html.append("<em class=\"y\" style=\"top:%s%%\">%s</em>".formatted(percent(1 - y.place(tick)), Axis.text(tick)));
        }
        for (double tick : x.ticks(large ? 6 : 4)) {
            html.append("<em class=\"x\" style=\"left:%s%%\">%s</em>".formatted(percent(x.place(tick)), Axis.text(tick)));
        }
        return html.toString();
    }

    private static String drawn(Line line, Axis x, Axis y) {
        Curve curve = line.curve();
        StringBuilder svg = new StringBuilder("<g class=\"c" + colour(line.colour()) + "\">");
        for (long step : curve.notFinite()) {
            svg.append("<line class=\"bad\" x1=\"%s\" x2=\"%1$s\" y1=\"0\" y2=\"1000\"/>".formatted(across(x.place(step))));
        }
        List<Curve.Point> points = curve.points();
        if (curve.smoothed()) {
            List<String> outline = new ArrayList<>();
            points.forEach(p -> outline.add(across(x.place(p.step())) + " " + down(y.place(p.high()))));
            points.reversed().forEach(p -> outline.add(across(x.place(p.step())) + " " + down(y.place(p.low()))));
            svg.append("<path class=\"band\" d=\"M").append(String.join("L", outline)).append("Z\"/>");
        }
        if (!points.isEmpty()) {
            // A single point is a line of no length, which round caps make visible.
            svg.append("<path class=\"mean\" d=\"M").append(points.stream()
                    .map(p -> across(x.place(p.step())) + " " + down(y.place(p.mean())))
                    .collect(Collectors.joining("L"))).append(points.size() == 1 ? "h0" : "").append("\"/>");
        }
        return svg.append("</g>\n").toString();
    }

    /** What the page's script shows under the pointer. */
    private static String data(List<Line> lines, Axis x, Axis y) {
        return lines.stream()
                .map(line -> "[" + line.curve().points().stream()
                        .map(p -> "[%d,\"%s\",%s,%s]".formatted(
                                p.step(), Axis.text(p.mean()), percent(x.place(p.step())), percent(1 - y.place(p.mean()))))
                        .collect(Collectors.joining(",")) + "]")
                .collect(Collectors.joining(",", "[", "]"));
    }

    private static String across(double place) {
        return String.format(Locale.ROOT, "%.1f", place * SIZE);
    }

    /** Far outliers stay near the chart, which cuts them off: coordinates beyond all bounds are not drawn reliably. */
    private static String down(double place) {
        return String.format(Locale.ROOT, "%.1f", Math.clamp(1 - place, -1, 2) * SIZE);
    }

    private static String percent(double place) {
        return String.format(Locale.ROOT, "%.2f", place * 100);
    }
}
