package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class WorkersTest {
    /** What workers use belongs to the caller, who frees it when it hears of a failure. */
    @Test
    void aFailureIsToldWhenAllAreDone() {
        CountDownLatch failing = new CountDownLatch(1);
        AtomicBoolean done = new AtomicBoolean();
        try (Workers workers = new Workers(2)) {
            assertThatThrownBy(() -> workers.each(part -> {
                        if (part == 0) {
                            failing.countDown();
                            throw new IllegalArgumentException("part 0");
                        }
                        try {
                            assertThat(failing.await(10, TimeUnit.SECONDS)).isTrue();
                            Thread.sleep(200);
                        } catch (InterruptedException e) {
                            throw new AssertionError(e);
                        }
                        done.set(true);
                        return part;
                    }))
                    .hasMessage("part 0");
            assertThat(done).isTrue();
        }
    }

    @Test
    void tasksAreSharedOutTheSameInEveryCall() {
        try (Workers workers = new Workers(2)) {
            assertThat(workers.share(5, (worker, task) -> worker + ":" + task)).containsExactly("0:0", "1:1", "0:2", "1:3", "0:4");
            assertThat(workers.share(1, (worker, task) -> worker + " on " + Thread.currentThread().getName()))
                    .containsExactly("0 on " + Thread.currentThread().getName());
        }
    }
}
