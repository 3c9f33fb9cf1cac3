package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class TeamTest {
    /** More parts than cores must still get on. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 16})
    void aBarrierSeparatesWhatIsWrittenBeforeFromWhatIsReadAfter(int size) {
        int[] written = new int[size];
        AtomicInteger wrong = new AtomicInteger();
        try (Team team = new Team(size)) {
            for (int run = 0; run < 20; run++) {
                team.run(part -> {
                    for (int round = 1; round <= 100; round++) {
                        written[part]++;
                        team.barrier();
                        int own = written[part];
                        if (Arrays.stream(written).anyMatch(w -> w != own)) {
                            wrong.incrementAndGet();
                        }
                        team.barrier();
                    }
                });
            }
        }
        assertThat(wrong).hasValue(0);
        assertThat(written).containsOnly(20 * 100);
    }

    @Test
    void everyPartRunsOnceAndTheCallerIsPartZero() {
        AtomicIntegerArray runs = new AtomicIntegerArray(4);
        Thread caller = Thread.currentThread();
        try (Team team = new Team(4)) {
            team.run(part -> {
                runs.incrementAndGet(part);
                if (Thread.currentThread().equals(caller) && part != 0) {
                    throw new AssertionError("the caller is part " + part);
                }
            });
        }
        assertThat(runs).hasToString("[1, 1, 1, 1]");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void aFailureReachesTheCallerWhileOthersWaitAtABarrierAndTheTeamGoesOn(int failing) {
        IllegalArgumentException failure = new IllegalArgumentException("part fails");
        AtomicInteger passed = new AtomicInteger();
        AtomicInteger runs = new AtomicInteger();
        try (Team team = new Team(3)) {
            for (int i = 0; i < 50; i++) {
                assertThatThrownBy(() -> team.run(part -> {
                            team.barrier();
                            if (part == failing) {
                                throw failure;
                            }
                            team.barrier();
                            passed.incrementAndGet();
                        }))
                        .isSameAs(failure);
                team.run(part -> {
                    team.barrier();
                    runs.incrementAndGet();
                });
            }
        }
        assertThat(passed).hasValue(0);
        assertThat(runs).hasValue(150);
    }

    @Test
    void aSleepingTeamWakes() throws InterruptedException {
        AtomicInteger runs = new AtomicInteger();
        try (Team team = new Team(3)) {
            for (int i = 0; i < 5; i++) {
                Thread.sleep(20);
                team.run(part -> runs.incrementAndGet());
            }
        }
        assertThat(runs).hasValue(15);
    }

    @Test
    void refusesToRunWithinItselfOrClosed() {
        Team team = new Team(2);
        assertThatThrownBy(() -> team.run(part -> team.run(inner -> {}))).isInstanceOf(IllegalStateException.class);
        team.close();
        assertThatThrownBy(() -> team.run(part -> {})).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void rangesCoverEverythingInMultiplesOfTheStep() {
        for (int parts = 1; parts <= 5; parts++) {
            for (int n = 0; n <= 40; n++) {
                assertThat(Team.from(0, parts, n, 4)).isZero();
                assertThat(Team.from(parts, parts, n, 4)).isEqualTo(n);
                for (int part = 0; part < parts; part++) {
                    int from = Team.from(part, parts, n, 4);
                    assertThat(from % 4 == 0 || from == n).isTrue();
                    assertThat(Team.from(part + 1, parts, n, 4) - from).isBetween(0, n / parts + 4 + 3);
                }
            }
        }
    }
}
