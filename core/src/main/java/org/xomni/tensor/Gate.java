package org.xomni.tensor;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A counter of phases that threads wait on: first spinning, as the next phase is mostly microseconds away; then giving their core to
 * others, which a team larger than the machine needs; then asleep.
 */
final class Gate {
    private static final int SPINS = 1000;

    private final long patienceNanos;
    private final AtomicInteger phase = new AtomicInteger();
    private final AtomicInteger sleepers = new AtomicInteger();
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition opened = lock.newCondition();

    /** @param patienceNanos how long threads offer their core to others before they sleep */
    Gate(long patienceNanos) {
        this.patienceNanos = patienceNanos;
    }

    int phase() {
        return phase.get();
    }

    /** Begins the next phase. */
    void open() {
        phase.incrementAndGet();
        if (sleepers.get() > 0) {
            lock.lock();
            try {
                opened.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Returns once the phase is no longer {@code seen}. */
    @SuppressWarnings("ThreadPriorityCheck") // yielding is only for speed: whoever waits in vain goes to sleep
    void await(int seen) {
        for (int i = 0; i < SPINS; i++) {
            if (phase.get() != seen) {
                return;
            }
            Thread.onSpinWait();
        }
        for (long start = System.nanoTime(); System.nanoTime() - start < patienceNanos; Thread.yield()) {
            if (phase.get() != seen) {
                return;
            }
        }
        lock.lock();
        try {
            // Counted before the phase is read again: whoever opens after that reading sees the sleeper and signals.
            sleepers.incrementAndGet();
            while (phase.get() == seen) {
                opened.awaitUninterruptibly();
            }
        } finally {
            sleepers.decrementAndGet();
            lock.unlock();
        }
    }
}
