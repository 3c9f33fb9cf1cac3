package org.xomni;

/** Waits that an interruption does not end: what runs on would use what the caller frees next. */
final class Patience {
    private Patience() {}

    /** Something to wait for. */
    @FunctionalInterface
    interface Wait {
        void begin() throws InterruptedException;
    }

    /** Waits until it has come, begun again after every interruption; the thread is then interrupted still. */
    static void await(Wait wait) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    wait.begin();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
