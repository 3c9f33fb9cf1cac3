package org.xomni.ocr;

import java.text.Normalizer;
import java.util.Locale;

/**
 * How well a text was drawn or read: all that was read against all that was asked for, so that missing, extra and repeated text cost
 * alike. Case and width of characters do not count, and white space of any length is one space (text recognition cannot be held to
 * either).
 */
public final class TextAccuracy {
    private TextAccuracy() {}

    /**
     * 1 - edit distance / length of the longer text, in characters (code points): 0..1.
     *
     * @return 1 if both are empty
     */
    public static double of(String read, String asked) {
        int[] a = normal(read).codePoints().toArray();
        int[] b = normal(asked).codePoints().toArray();
        int longer = Math.max(a.length, b.length);
        return longer == 0 ? 1 : 1 - (double) editDistance(a, b) / longer;
    }

    /** Whether the texts are the same. */
    public static boolean exact(String read, String asked) {
        return normal(read).equals(normal(asked));
    }

    /** A text as it is compared. */
    public static String normal(String text) {
        return Normalizer.normalize(text, Normalizer.Form.NFKC)
                .toLowerCase(Locale.ROOT)
                .strip()
                .replaceAll("\\s+", " ");
    }

    /** Levenshtein's distance: the fewest insertions, deletions and substitutions. */
    private static int editDistance(int[] a, int[] b) {
        int[] row = new int[b.length + 1];
        for (int j = 0; j <= b.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length; i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length; j++) {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length];
    }
}
