package org.xomni.cli;

import java.util.concurrent.CountDownLatch;

/**
 * Ctrl-C, or any other request to end the process, as a question that long work asks itself between two steps. The process lives until the work
 * has ended, so what it still writes is whole.
 */
final class Interrupt implements AutoCloseable {
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook;
    private volatile boolean asked;

    private final Runnable action;

    private Interrupt(Runnable action) {
        this.action = action;
        hook = Thread.ofPlatform().name("interrupt").unstarted(this::waitForEnd);
    }

    /** Listens from now on until it is closed. */
    static Interrupt listen() {
        return listen(() -> {});
    }

    /** Listens, and does something at once when it comes. */
    static Interrupt listen(Runnable action) {
        Interrupt interrupt = new Interrupt(action);
        Runtime.getRuntime().addShutdownHook(interrupt.hook);
        return interrupt;
    }

    private void waitForEnd() {
        asked = true;
        action.run();
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the process was asked to end. */
    boolean asked() {
        return asked;
    }

    /** The work has ended: the process may. */
    @Override
    public void close() {
        ended.countDown();
        try {
            boolean unused = Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending already; the hook has been let go above.
        }
    }
}
