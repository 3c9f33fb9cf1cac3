package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/** How fast this machine reads memory: what a matrix-vector product can reach at best. */
public final class ReadBandwidth {
    /** Well above the caches of the machines this runs on. */
    private static final long BYTES = 512L << 20;

    private static final int SLICES = 32;
    private static final int ROUNDS = 4;

    private ReadBandwidth() {}

    /**
     * Bytes a second that so many threads read from memory together, each its own part of a large buffer: the best of 128 slices, as what
     * else runs on the machine only ever makes it slower. Takes about a second and half a gigabyte.
     *
     * @throws IllegalStateException if {@link HostKernels#available()} is false
     */
    public static double measure(int threads) {
        if (!HostKernels.available()) {
            throw new IllegalStateException("the JVM runs without --add-modules jdk.incubator.vector; add it");
        }
        try (Arena arena = Arena.ofShared();
                Team team = new Team(threads)) {
            MemorySegment buffer = arena.allocate(BYTES, 64).fill((byte) 1);
            return measure(team, buffer);
        }
    }

    private static double measure(Team team, MemorySegment buffer) {
        long slice = BYTES / SLICES;
        AtomicLong unused = new AtomicLong();
        double best = 0;
        for (int i = 0; i < ROUNDS * SLICES; i++) {
            long from = buffer.address() + i % SLICES * slice;
            best = Math.max(best, read(team, from, slice, unused));
        }
        return best;
    }

    /** Bytes a second of reading one stretch, the threads' start included. */
    static double read(Team team, long from, long bytes, AtomicLong unused) {
        int parts = team.size();
        int blocks = Math.toIntExact(bytes / 1024);
        long start = System.nanoTime();
        team.run(part -> {
            long first = 1024L * Team.from(part, parts, blocks, 1);
            long last = 1024L * Team.from(part + 1, parts, blocks, 1);
            unused.addAndGet(Dot.read(from + first, last - first));
        });
        return bytes * 1e9 / (System.nanoTime() - start);
    }
}
