package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.xomni.data.SampleStream.Indexed;
import org.xomni.tensor.InputException;

class SampleStreamTest {
    private static final Numbered SOURCE = new Numbered(i -> 4, 3);

    @Test
    void samplesComeInOrderWithoutTheBrokenOnes() {
        for (int threads : List.of(1, 4)) {
            // Some take longer than those after them.
            try (var stream = new SampleStream<>(i -> slowly(i, SOURCE.sample(i)), 0, threads, 5)) {
                assertThat(indices(stream, 8)).containsExactly(1L, 2L, 4L, 5L, 7L, 8L, 10L, 11L);
                assertThat(stream.skipped().count()).isEqualTo(4);
            }
        }
    }

    @Test
    void aStreamGoesOnFromThePosition() {
        List<Long> whole;
        try (var stream = new SampleStream<>(SOURCE::sample, 0, 2)) {
            whole = indices(stream, 40);
        }
        for (int cut = 0; cut < 20; cut++) {
            List<Long> parts = new ArrayList<>();
            long position;
            try (var stream = new SampleStream<>(SOURCE::sample, 0, 2)) {
                parts.addAll(indices(stream, cut));
                position = stream.position();
            }
            try (var stream = new SampleStream<>(SOURCE::sample, position, 3)) {
                parts.addAll(indices(stream, 40 - cut));
            }
            assertThat(parts).isEqualTo(whole);
        }
    }

    @Test
    void neverMoreThanAskedForAreAhead() {
        AtomicInteger made = new AtomicInteger();
        try (var stream = new SampleStream<>(i -> made.incrementAndGet(), 0, 4, 6)) {
            Indexed<Integer> first = stream.next();
            assertThat(first.index()).isZero();
        }
        assertThat(made.get()).isBetween(1, 6);
    }

    @Test
    void nothingButBrokenSamplesIsAnError() {
        try (var stream = new SampleStream<>(new Numbered(i -> 4, 1)::sample, 5, 2)) {
            assertThatThrownBy(stream::next).isInstanceOf(InputException.class)
                    .hasMessageContaining("1000 samples in a row")
                    .hasMessageContaining("number 1004 is damaged");
        }
    }

    @Test
    void otherFailuresSurfaceAndStay() {
        try (var stream = new SampleStream<>(SampleStreamTest::failingAtTwo, 0, 2)) {
            assertThat(indices(stream, 2)).containsExactly(0L, 1L);
            for (int again = 0; again < 2; again++) {
                assertThatThrownBy(stream::next).isInstanceOf(IllegalStateException.class).hasMessage("bug at 2");
            }
            assertThat(stream.position()).isEqualTo(2);
        }
    }

    private static long failingAtTwo(long index) {
        if (index == 2) {
            throw new IllegalStateException("bug at 2");
        }
        return index;
    }

    private static <T> T slowly(long index, T value) {
        try {
            Thread.sleep(index % 4 == 1 ? 5 : 0);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return value;
    }

    private static List<Long> indices(SampleStream<?> stream, int count) {
        List<Long> indices = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            indices.add(stream.next().index());
        }
        return indices;
    }
}
