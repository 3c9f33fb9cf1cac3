package org.xomni.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

class StatisticsTest {
    private static double[] normal(int n, double mean, long seed) {
        var random = new SplittableRandom(seed);
        double[] samples = new double[n];
        Arrays.setAll(samples, _ -> mean + random.nextGaussian());
        return samples;
    }

    @Test
    void intervalIsTwoStandardErrorsWide() {
        Interval interval = Bootstrap.mean(normal(400, 3, 1));
        assertThat(interval.mean()).isCloseTo(3, within(.2));
        // 1.96 / sqrt(400) = .098 on each side.
        assertThat(interval.high() - interval.low()).isCloseTo(.196, within(.03));
        assertThat(Bootstrap.mean(normal(400, 3, 1))).isEqualTo(interval);
    }

    @Test
    void intervalHoldsTheTruthNineteenTimesInTwenty() {
        int held = 0;
        for (int seed = 0; seed < 200; seed++) {
            Interval interval = Bootstrap.mean(normal(50, 0, seed));
            held += interval.low() <= 0 && 0 <= interval.high() ? 1 : 0;
        }
        assertThat(held).isBetween(178, 199);
    }

    @Test
    void pairsCancelWhatTheyShare() {
        double[] a = normal(100, 0, 1);
        double[] b = a.clone();
        Arrays.setAll(b, i -> a[i] - .1 + .01 * (i % 3));
        Interval difference = Bootstrap.difference(a, b);
        assertThat(difference.low()).isGreaterThan(.08);
        assertThat(difference.high()).isLessThan(.1);
        assertThat(Bootstrap.ratio(new double[] {1, 2}, new double[] {2, 4}).mean()).isEqualTo(.5);
        assertThatThrownBy(() -> Bootstrap.difference(a, new double[3]))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("100 and 3");
    }

    /** Four equal answers about a picture say no more than one, and pictures of one answer each are samples as any. */
    @Test
    void whatDependsOnEachOtherIsDrawnTogether() {
        double[] samples = normal(100, 3, 1);
        Interval single = Bootstrap.mean(samples);
        Interval ones = Bootstrap.meanOfGroups(Arrays.stream(samples).mapToObj(x -> new double[] {x}).toList());
        Interval fours = Bootstrap.meanOfGroups(Arrays.stream(samples).mapToObj(x -> new double[] {x, x, x, x}).toList());
        for (Interval interval : List.of(ones, fours)) {
            assertThat(interval.mean()).isCloseTo(single.mean(), within(1e-9));
            assertThat(interval.low()).isCloseTo(single.low(), within(1e-9));
            assertThat(interval.high()).isCloseTo(single.high(), within(1e-9));
        }
        assertThat(fours.count()).isEqualTo(400);
        assertThat(Bootstrap.meanOfGroups(List.of(new double[] {1, 1, 1}, new double[] {0})).mean()).isEqualTo(.75);
    }

    @Test
    void noSamplesAreAnError() {
        assertThatThrownBy(() -> Bootstrap.mean(new double[0]))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("nothing was scored");
    }

    @Test
    void psnrOfAKnownError() {
        Pixels black = new Pixels(4, 4);
        Pixels grey = new Pixels(4, 4);
        Arrays.fill(grey.rgb(), (byte) 255);
        assertThat(Psnr.of(black, grey)).isCloseTo(0, within(1e-9));
        Arrays.fill(grey.rgb(), (byte) 10);
        assertThat(Psnr.of(grey, black)).isCloseTo(28.13, within(.01));
        assertThat(Psnr.of(black, black)).isCloseTo(58.92, within(.01));
        assertThatThrownBy(() -> Psnr.of(black, new Pixels(4, 5))).isInstanceOf(InputException.class).hasMessageContaining("4x5");
    }

    @Test
    void usageOfACodebook() {
        CodebookUsage usage = CodebookUsage.of(List.of(new ImageTokens(1, 2, new int[] {7, 7}), new ImageTokens(1, 2, new int[] {3, 3})));
        assertThat(usage.tokens()).isEqualTo(4);
        assertThat(usage.codes()).isEqualTo(2);
        assertThat(usage.perplexity()).isCloseTo(2, within(1e-12));
    }
}
