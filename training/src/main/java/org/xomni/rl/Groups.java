package org.xomni.rl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The rollouts of a batch that something can be learnt from. Groups in which all rewards are the same carry no signal: they are counted and left out, so
 * that neither the KL penalty alone nor their share of a mean moves the policy.
 *
 * @param rollouts of the groups that are kept, one after the other
 * @param advantages one for each
 * @param zeroVariance how many groups were left out
 * @param deviation the mean over all groups of the standard deviation of rewards
 */
@SuppressWarnings("ArrayRecordComponent") // read only
record Groups(List<Rollout> rollouts, double[] advantages, int zeroVariance, double deviation) {

    /**
     * @param rollouts all of the batch, group by group
     * @param rewards one for each
     * @param size of a group
     */
    static Groups of(List<Rollout> rollouts, double[] rewards, int size, Advantage advantage) {
        List<Rollout> kept = new ArrayList<>();
        List<double[]> advantages = new ArrayList<>();
        int zeroVariance = 0;
        double deviations = 0;
        for (int from = 0; from < rewards.length; from += size) {
            double[] group = Arrays.copyOfRange(rewards, from, from + size);
            double[] centred = new Advantage.Centred().of(group);
            deviations += Math.sqrt(Arrays.stream(centred).map(c -> c * c).average().orElse(0));
            if (Advantage.hasZeroVariance(group)) {
                zeroVariance++;
            } else {
                kept.addAll(rollouts.subList(from, from + size));
                advantages.add(advantage.of(group));
            }
        }
        int groups = rewards.length / size;
        return new Groups(kept, advantages.stream().flatMapToDouble(Arrays::stream).toArray(), zeroVariance, deviations / Math.max(1, groups));
    }

    /** The same rollouts in {@code parts} stretches of nearly equal length, without empty ones. */
    List<Groups> split(int parts) {
        return IntStream.range(0, parts)
                .mapToObj(p -> part((int) ((long) p * rollouts.size() / parts), (int) ((p + 1L) * rollouts.size() / parts)))
                .filter(g -> !g.rollouts.isEmpty())
                .toList();
    }

    private Groups part(int from, int to) {
        return new Groups(rollouts.subList(from, to), Arrays.copyOfRange(advantages, from, to), zeroVariance, deviation);
    }
}
