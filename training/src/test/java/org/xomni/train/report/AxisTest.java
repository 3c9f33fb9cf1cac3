package org.xomni.train.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class AxisTest {
    @Test
    void placesAreBetweenTheEnds() {
        assertThat(new Axis(10, 30, false).place(15)).isEqualTo(0.25);
        assertThat(new Axis(1, 10_000, true).place(10)).isCloseTo(0.25, within(1e-12));
        assertThat(Axis.around(5, 5, false).place(5)).isCloseTo(0.5, within(1e-12));
        assertThat(Axis.around(0, 0, false).place(0)).isZero();
    }

    @Test
    void ticksAreRoundAndInside() {
        assertThat(new Axis(0, 12_000, false).ticks(6)).containsExactly(0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10_000.0, 12_000.0);
        assertThat(new Axis(-0.4, 1.1, false).ticks(4)).containsExactly(0.0, 0.5, 1.0);
        assertThat(new Axis(0.4, 12, true).ticks(4)).containsExactly(0.5, 1.0, 2.0, 5.0, 10.0);
        assertThat(new Axis(1e-9, 2, true).ticks(4)).hasSizeBetween(3, 6).allMatch(t -> t >= 1e-9 && t <= 2);
        assertThat(new Axis(1, 1.5, true).ticks(4)).hasSizeBetween(3, 6);
    }

    @Test
    void numbersAreForPeople() {
        assertThat(Axis.text(0)).isEqualTo("0");
        assertThat(Axis.text(1.23456)).isEqualTo("1.235");
        assertThat(Axis.text(-20)).isEqualTo("-20");
        assertThat(Axis.text(0.0005)).isEqualTo("0.0005");
        assertThat(Axis.text(2e-5)).isEqualTo("2e-5");
        assertThat(Axis.text(1.25e-10)).isEqualTo("1.25e-10");
        assertThat(Axis.text(12_000)).isEqualTo("12k");
        assertThat(Axis.text(999_700)).isEqualTo("1M");
        assertThat(Axis.text(3_450_000)).isEqualTo("3.45M");
        assertThat(Axis.text(Double.NaN)).isEqualTo("not finite");
    }
}
