package org.xomni.train.report;

import java.util.Locale;

/** Text for a page of HTML. */
final class Html {
    private Html() {}

    /** Makes text from files harmless: it is shown, never obeyed. */
    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;").replace("'", "&#39;");
    }

    /** A time for people: {@code 1 h 04 min}. */
    static String duration(double seconds) {
        long whole = Math.round(seconds);
        return whole < 60 ? whole + " s"
                : whole < 3600 ? whole / 60 + " min " + String.format(Locale.ROOT, "%02d", whole % 60) + " s"
                : whole / 3600 + " h " + String.format(Locale.ROOT, "%02d", whole / 60 % 60) + " min";
    }

    /** A count for people: {@code 12,000}. */
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** {@code gradient_norm} to {@code gradient norm}. */
    static String label(String metric) {
        return metric.replace('_', ' ').replace(" per s", "/s");
    }
}
