package org.xomni.rl.reward;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A list without its repetitions, so that equal things are worked on once. The surer a policy is, the more of its rollouts for a prompt are the same.
 *
 * @param items each once, in the order in which they come first
 * @param places for each of the whole list, where it stands in {@code items}
 */
@SuppressWarnings("ArrayRecordComponent") // read only
public record Distinct<T>(List<T> items, int[] places) {

    /** The items of {@code all} that differ by {@link Object#equals}. */
    public static <T> Distinct<T> of(List<T> all) {
        Map<T, Integer> first = new LinkedHashMap<>();
        int[] places = new int[all.size()];
        for (int i = 0; i < places.length; i++) {
            Integer known = first.putIfAbsent(all.get(i), first.size());
            places[i] = known == null ? first.size() - 1 : known;
        }
        return new Distinct<>(List.copyOf(first.keySet()), places);
    }

    /** What came of each of the whole list, given what came of {@code items}. */
    public <R> List<R> spread(List<R> results) {
        return Arrays.stream(places).mapToObj(results::get).toList();
    }

    /** As {@link #spread(List)}. */
    public double[] spread(double[] results) {
        return Arrays.stream(places).mapToDouble(p -> results[p]).toArray();
    }
}
