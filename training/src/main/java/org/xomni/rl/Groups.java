package org.xomni.rl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.xomni.image.ImageTokens;

/**
 * The rollouts of a batch that something can be learnt from. Groups in which all rewards are the same carry no signal: they are counted and left out, so
 * that neither the KL penalty alone nor their share of a mean moves the policy. Rollouts of a group that are the same are scored once and count as often as
 * they were drawn.
 *
 * @param members of the groups that are kept, one after the other
 * @param zeroVariance how many groups were left out
 */
record Groups(List<Member> members, int zeroVariance) {

    /**
     * A rollout of a group.
     *
     * @param count how often it was drawn
     */
    record Member(Rollout rollout, double advantage, int count) {}

    /** What equal rollouts have in common. */
    private record Judged(ImageTokens image, double reward) {}

    Groups {
        members = List.copyOf(members);
    }

    /**
     * @param rollouts all of the batch, group by group
     * @param rewards one for each
     * @param size of a group
     */
    static Groups of(List<Rollout> rollouts, double[] rewards, int size, Advantage advantage) {
        List<Member> members = new ArrayList<>();
        int zeroVariance = 0;
        for (int from = 0; from < rewards.length; from += size) {
            double[] group = Arrays.copyOfRange(rewards, from, from + size);
            if (Advantage.hasZeroVariance(group)) {
                zeroVariance++;
            } else {
                members.addAll(members(rollouts.subList(from, from + size), group, advantage.of(group)));
            }
        }
        return new Groups(members, zeroVariance);
    }

    private static Collection<Member> members(List<Rollout> rollouts, double[] rewards, double[] advantages) {
        Map<Judged, Member> members = new LinkedHashMap<>();
        for (int i = 0; i < rewards.length; i++) {
            Member one = new Member(rollouts.get(i), advantages[i], 1);
            members.merge(new Judged(one.rollout.image(), rewards[i]), one, (a, b) -> new Member(a.rollout, a.advantage, a.count + 1));
        }
        return members.values();
    }

    List<Rollout> rollouts() {
        return members.stream().map(Member::rollout).toList();
    }

    double[] advantages() {
        return members.stream().mapToDouble(Member::advantage).toArray();
    }

    /** How often each was drawn. */
    double[] counts() {
        return members.stream().mapToDouble(Member::count).toArray();
    }

    /** What each token of a member counts in the objective, all times that it was drawn together. */
    double[] weights(Aggregation aggregation) {
        // The aggregation is about what was drawn, repetitions and all.
        double[] drawn = aggregation.weights(members.stream().flatMapToInt(m -> IntStream.generate(m.rollout::length).limit(m.count)).toArray());
        double[] weights = new double[members.size()];
        int at = 0;
        for (int i = 0; i < weights.length; i++) {
            int count = members.get(i).count;
            weights[i] = count * drawn[at];
            at += count;
        }
        return weights;
    }

    /** The same members in {@code parts} stretches that were drawn nearly equally often, without empty ones. */
    List<Groups> split(int parts) {
        int drawn = members.stream().mapToInt(Member::count).sum();
        List<List<Member>> stretches = IntStream.range(0, parts).<List<Member>>mapToObj(p -> new ArrayList<>()).toList();
        int before = 0;
        for (Member member : members) {
            stretches.get((int) ((long) before * parts / drawn)).add(member);
            before += member.count;
        }
        return stretches.stream().filter(some -> !some.isEmpty()).map(some -> new Groups(some, zeroVariance)).toList();
    }
}
