package org.xomni.train.report;

import static org.xomni.train.report.Html.escape;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.xomni.train.MetricsFile;

/**
 * What went wrong in a run: measurements that were not finite, records that were skipped, and what the run itself told.
 *
 * @param told a line each, by step
 */
record Problems(List<String> told) {
    private static final int SHOWN_AT_EACH_END = 10;

    static Problems of(RunFolder run) {
        List<String> told = new ArrayList<>();
        for (MetricsFile.Line line : run.metrics().lines()) {
            String at = "step " + Html.count(line.step()) + ": ";
            if (line.problem() != null) {
                told.add(at + line.problem());
            }
            List<String> notFinite = line.values().entrySet().stream()
                    .filter(value -> value.getValue().isNaN()).map(Map.Entry::getKey).toList();
            if (!notFinite.isEmpty()) {
                told.add(at + String.join(", ", notFinite) + (notFinite.size() == 1 ? " was" : " were") + " not finite");
            }
        }
        for (String name : run.metrics().names()) {
            double[] values = run.metrics().series(name).values();
            if (name.toLowerCase(Locale.ROOT).contains("skipped") && values[values.length - 1] > 0) {
                told.add(Html.label(name) + ": " + Axis.text(values[values.length - 1]) + " so far");
            }
        }
        return new Problems(told);
    }

    int count() {
        return told.size();
    }

    /** The list as HTML, its middle left out when it is long; nothing if there are none. */
    String html() {
        if (told.isEmpty()) {
            return "";
        }
        StringBuilder html = new StringBuilder("<div class=\"problems\"><h3>Problems</h3><ul>\n");
        for (int i = 0; i < told.size(); i++) {
            boolean middle = i >= SHOWN_AT_EACH_END && i < told.size() - SHOWN_AT_EACH_END;
            if (!middle) {
                html.append("<li>").append(escape(told.get(i))).append("</li>\n");
            } else if (i == SHOWN_AT_EACH_END) {
                html.append("<li>").append(Html.count(told.size() - 2L * SHOWN_AT_EACH_END)).append(" more</li>\n");
            }
        }
        return html.append("</ul></div>\n").toString();
    }
}
