package org.xomni.text;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The added tokens of a tokenizer by their text, and where they stand in a string. */
final class ControlTokens {
    private final Map<String, Integer> ids;
    private final Map<Character, int[]> lengthsByFirst = new HashMap<>();

    ControlTokens(Map<String, Integer> ids) {
        this.ids = Map.copyOf(ids);
        Map<Character, TreeSet<Integer>> lengths = new HashMap<>();
        for (String token : ids.keySet()) {
            lengths.computeIfAbsent(token.charAt(0), c -> new TreeSet<>()).add(token.length());
        }
        lengths.forEach((c, set) -> lengthsByFirst.put(c, set.descendingSet().stream().mapToInt(Integer::intValue).toArray()));
    }

    @Nullable Integer id(String token) {
        return ids.get(token);
    }

    /** The length of the longest control token that starts at {@code position}, or 0. */
    int lengthAt(String text, int position) {
        int[] lengths = lengthsByFirst.get(text.charAt(position));
        if (lengths != null) {
            for (int length : lengths) {
                if (position + length <= text.length() && ids.containsKey(text.substring(position, position + length))) {
                    return length;
                }
            }
        }
        return 0;
    }
}
