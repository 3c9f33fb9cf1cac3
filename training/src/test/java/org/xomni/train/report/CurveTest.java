package org.xomni.train.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.xomni.train.MetricsFile;

class CurveTest {
    private static Curve curve(int count, IntToDoubleFunction value) {
        double[] values = IntStream.rangeClosed(1, count).mapToDouble(value).toArray();
        return Curve.of(new MetricsFile.Series("loss", LongStream.rangeClosed(1, count).toArray(), values));
    }

    @Test
    void aShortRunIsDrawnAsItIs() {
        Curve curve = curve(20, i -> i % 2);
        assertThat(curve.points()).hasSize(20).element(4).isEqualTo(new Curve.Point(5, 1, 1, 1));
        assertThat(curve.smoothed()).isFalse();
    }

    @Test
    void aLongRunKeepsItsExtremes() {
        Curve curve = curve(100_000, i -> i == 77_777 ? 50 : i == 12_345 ? -50 : 1);
        assertThat(curve.points()).hasSizeLessThan(1000);
        assertThat(curve.points().stream().mapToDouble(Curve.Point::high).max()).hasValue(50);
        assertThat(curve.points().stream().mapToDouble(Curve.Point::low).min()).hasValue(-50);
        assertThat(curve.points().getLast().step()).isEqualTo(100_000);
    }

    @Test
    void theMeanSmoothsWithoutMovingALine() {
        assertThat(curve(2000, i -> i + (i % 2 == 0 ? 100 : -100)).points().get(200).mean()).isCloseTo(1003, within(5.0));
        assertThat(curve(2000, i -> i % 2).points().getLast().mean()).isCloseTo(0.5, within(0.05));
        assertThat(curve(2000, i -> i <= 5 ? 9 : 1).points().getFirst().mean()).isEqualTo(9);
    }

    @Test
    void whatIsNotFiniteIsLeftOutAndTold() {
        Curve curve = curve(100, i -> i == 40 ? Double.NaN : 2);
        assertThat(curve.notFinite()).containsExactly(40);
        assertThat(curve.points()).hasSize(99).allMatch(p -> p.mean() == 2);
        assertThat(curve(3, i -> Double.NaN).points()).isEmpty();
    }

    @Test
    void theScaleIsLogarithmicWhereAPlainOneWouldBeFlat() {
        Curve falling = curve(500, i -> 10 * Math.exp(-i / 20.0) + 0.3);
        assertThat(Curve.scale(List.of(falling), true).log()).isTrue();
        assertThat(Curve.scale(List.of(falling), false).log()).isFalse();
        assertThat(Curve.scale(List.of(curve(500, i -> i)), true).log()).isFalse();
        assertThat(Curve.scale(List.of(curve(500, i -> 10 * Math.exp(-i / 20.0) - 0.1)), true).log()).isFalse();
        assertThat(Curve.scale(List.of(curve(3, i -> Double.NaN)), true)).isEqualTo(new Axis(0, 1, false));
    }

    @Test
    void aSingleOutlierIsCutOff() {
        assertThat(Curve.scale(List.of(curve(4000, i -> i == 2000 ? 1e6 : 1 + i % 3)), true).high()).isLessThan(1e5);
    }
}
