package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.xomni.image.ImageTokens;

class GroupsTest {
    private static final Advantage CENTRED = new Advantage.Centred();

    private static Rollout rollout(int... tokens) {
        return new Rollout(new int[] {1, 2}, new ImageTokens(1, tokens.length, tokens));
    }

    @Test
    void equalRolloutsAreOneMemberThatCountsForAll() {
        List<Rollout> drawn = List.of(rollout(1, 2), rollout(3, 4), rollout(1, 2), rollout(1, 2));
        Groups groups = Groups.of(drawn, new double[] {1, 0, 1, 1}, 4, CENTRED);
        assertThat(groups.members()).extracting(Groups.Member::count).containsExactly(3, 1);
        assertThat(groups.advantages()).containsExactly(0.25, -0.75);
    }

    @Test
    void rolloutsOfOtherGroupsOrWithOtherRewardsStayApart() {
        List<Rollout> drawn = List.of(rollout(1), rollout(1), rollout(1), rollout(2));
        assertThat(Groups.of(drawn, new double[] {1, 0, 1, 0}, 2, CENTRED).members()).hasSize(4);
    }

    static List<Aggregation> aggregations() {
        return List.of(new Aggregation.TokenMean(), new Aggregation.SequenceMean(), new Aggregation.FixedLength(7));
    }

    @ParameterizedTest
    @MethodSource("aggregations")
    void theyWeighWhatTheyWouldApart(Aggregation aggregation) {
        List<Rollout> drawn = List.of(rollout(1, 2), rollout(3, 4, 5), rollout(1, 2));
        double[] apart = aggregation.weights(new int[] {2, 3, 2});
        double[] together = Groups.of(drawn, new double[] {1, 0, 1}, 3, CENTRED).weights(aggregation);
        assertThat(together).hasSize(2);
        assertThat(together[0]).isCloseTo(apart[0] + apart[2], within(1e-12));
        assertThat(together[1]).isCloseTo(apart[1], within(1e-12));
    }

    @Test
    void partsWereDrawnNearlyEquallyOften() {
        List<Rollout> drawn = List.of(rollout(1), rollout(1), rollout(1), rollout(2), rollout(3), rollout(4));
        List<Groups> parts = Groups.of(drawn, new double[] {1, 1, 1, 0, 0, 0}, 6, CENTRED).split(2);
        assertThat(parts).hasSize(2);
        assertThat(parts.getFirst().counts()).containsExactly(3);
        assertThat(parts.getLast().counts()).containsExactly(1, 1, 1);
    }

    @Test
    void aGroupWithoutVarianceIsLeftOutAndCounted() {
        List<Rollout> drawn = List.of(rollout(1), rollout(2), rollout(1), rollout(2));
        Groups groups = Groups.of(drawn, new double[] {1, 1, 1, 0}, 2, CENTRED);
        assertThat(groups.zeroVariance()).isEqualTo(1);
        assertThat(groups.members()).hasSize(2);
        assertThat(groups.split(4)).hasSize(2);
    }
}
