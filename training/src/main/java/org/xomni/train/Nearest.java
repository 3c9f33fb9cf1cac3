package org.xomni.train;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** What a mistyped name may have meant. */
final class Nearest {
    private Nearest() {}

    /** {@code "; did you mean 'NAME'?"}, or nothing if no name is near. */
    static String hint(String name, Collection<String> known) {
        Optional<String> nearest = known.stream().min(Comparator.comparingInt(k -> distance(plain(name), plain(k))));
        return nearest.filter(k -> distance(plain(name), plain(k)) <= Math.max(1, k.length() / 3))
                .map(k -> "; did you mean '" + k + "'?")
                .orElse("");
    }

    private static String plain(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[-_ ]", "");
    }

    /** Levenshtein's edit distance. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
