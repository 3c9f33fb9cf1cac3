package org.xomni;

import java.util.List;

/**
 * Cuts a growing text at the first of several stop texts. What may be the beginning of one is held back until it is known. Used by one thread
 * at a time.
 */
final class StopTexts {
    private final List<String> stop;
    private final StringBuilder held = new StringBuilder();
    private boolean met;

    StopTexts(List<String> stop) {
        this.stop = stop;
    }

    /** Takes more text and returns what is certain to stay. */
    String push(String piece) {
        if (met) {
            return "";
        }
        held.append(piece);
        int end = Integer.MAX_VALUE;
        for (String text : stop) {
            int at = held.indexOf(text);
            end = at >= 0 ? Math.min(end, at) : end;
        }
        met = end != Integer.MAX_VALUE;
        return take(met ? end : held.length() - openEnd());
    }

    /** What was held back when nothing more comes. */
    String finish() {
        return met ? "" : take(held.length());
    }

    /** Whether a stop text has come. */
    boolean met() {
        return met;
    }

    private String take(int length) {
        String sure = held.substring(0, length);
        held.delete(0, length);
        return sure;
    }

    /** The length of the longest ending that begins a stop text. */
    private int openEnd() {
        int longest = 0;
        for (String text : stop) {
            for (int length = Math.min(text.length() - 1, held.length()); length > longest; length--) {
                if (text.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
