package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class SeedsTest {
    @Test
    void valuesOrderAndCountMatter() {
        assertThat(LongStream.of(Seeds.mix(), Seeds.mix(0), Seeds.mix(0, 0), Seeds.mix(1, 0), Seeds.mix(0, 1), Seeds.mix(-1)).distinct())
                .hasSize(6);
        assertThat(Seeds.mix(3, 4)).isEqualTo(Seeds.mix(3, 4));
    }

    @Test
    void consecutiveIndicesLookUniform() {
        int[] bits = new int[64];
        for (int i = 0; i < 10_000; i++) {
            long mixed = Seeds.mix(7, i);
            for (int b = 0; b < 64; b++) {
                bits[b] += (int) (mixed >>> b & 1);
            }
        }
        assertThat(IntStream.of(bits)).allMatch(ones -> ones > 4700 && ones < 5300);
        assertThat(LongStream.range(0, 10_000).mapToDouble(i -> Seeds.unit(7, i)).average().orElseThrow()).isCloseTo(0.5, within(0.02));
        assertThat(LongStream.range(0, 10_000).mapToDouble(i -> Seeds.unit(7, i))).allMatch(u -> u >= 0 && u < 1);
    }
}
