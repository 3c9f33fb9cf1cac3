package org.xomni.server;

/** How many bytes of request bodies and shown images may be in memory at once, so that a crowd of large requests cannot exhaust the heap. */
final class MemoryBudget {
    private final long most;
    private long used;

    MemoryBudget(long most) {
        this.most = most;
    }

    /** A request's share; it grows while the request is read and goes back as a whole. */
    final class Share implements AutoCloseable {
        private long bytes;

        /** @throws ApiException 429 if there is no room */
        void take(long more) {
            synchronized (MemoryBudget.this) {
                if (used + more > most) {
                    throw ApiException.busy("the server holds as many images as it can; try again later, or send smaller ones");
                }
                used += more;
                bytes += more;
            }
        }

        @Override
        public void close() {
            synchronized (MemoryBudget.this) {
                used -= bytes;
                bytes = 0;
            }
        }
    }

    Share share() {
        return new Share();
    }
}
