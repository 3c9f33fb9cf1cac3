package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;
import org.xomni.train.Recipes;

/** Pictures of rollouts. */
class FixedDecoderTest {
    private static final Path CHECKPOINT = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh");

    private static Rollout rollout(int height, int width, long seed) {
        return new Rollout(new int[0], new ImageTokens(height, width, new Random(seed).ints((long) height * width, 0, 64).toArray()));
    }

    @Test
    void rolloutsThatAreTheSameHaveTheSamePictureAndOthersTheirOwn() {
        Rollout a = rollout(3, 4, 1);
        Rollout b = rollout(3, 4, 2);
        Rollout wide = rollout(3, 5, 3);
        try (FixedDecoder decoder = FixedDecoder.load(CHECKPOINT, new FixedDecoder.Settings(2, 1.0, Recipes.Precision.FLOAT32), "cpu")) {
            List<Pixels> pictures = decoder.paint(
                    Collections.nCopies(6, Prompt.of("a sign", 48, 64)), List.of(a, b, wide, rollout(3, 4, 1), a, wide), new long[] {7, 7, 7, 7, 8, 7});
            assertThat(pictures).extracting(Pixels::width).as("sizes").containsExactly(
                    pictures.get(0).width(), pictures.get(0).width(), pictures.get(2).width(), pictures.get(0).width(), pictures.get(0).width(), pictures.get(2).width());
            assertThat(pictures.get(3)).as("the same tokens and noise").isSameAs(pictures.get(0));
            assertThat(pictures.get(5)).isSameAs(pictures.get(2));
            assertThat(pictures.get(1)).as("other tokens").isNotEqualTo(pictures.get(0));
            assertThat(pictures.get(4)).as("other noise").isNotEqualTo(pictures.get(0));
        }
    }

    @Test
    void bfloat16PaintsNearlyTheSame() {
        List<Prompt> prompts = List.of(Prompt.of("a sign", 48, 64));
        List<Rollout> rollouts = List.of(rollout(3, 4, 1));
        try (FixedDecoder exact = FixedDecoder.load(CHECKPOINT, new FixedDecoder.Settings(2, 1.0, Recipes.Precision.FLOAT32), "cpu");
                FixedDecoder rounded = FixedDecoder.load(CHECKPOINT, new FixedDecoder.Settings(2, 1.0, Recipes.Precision.BFLOAT16), "cpu")) {
            byte[] a = exact.paint(prompts, rollouts, new long[] {7}).getFirst().rgb();
            byte[] b = rounded.paint(prompts, rollouts, new long[] {7}).getFirst().rgb();
            double mean = IntStream.range(0, a.length).map(i -> Math.abs((a[i] & 0xFF) - (b[i] & 0xFF))).average().orElseThrow();
            assertThat(mean).as("levels of 255 between them").isPositive().isLessThan(3);
        }
    }
}
