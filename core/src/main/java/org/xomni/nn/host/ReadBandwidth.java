package org.xomni.nn.host;

import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Team;

/**
 * How fast threads together read memory: what bounds decoding. To be measured in turns with what it is compared with, as other work on the
 * machine changes both.
 */
public final class ReadBandwidth implements AutoCloseable {
    /** Far larger than any cache. */
    private static final long BYTES = 512L << 20;

    /** libtorch's memory, as weights are: huge pages where the system has them. */
    private final Tensor buffer = Scope.only(() -> torch.ones(new long[] {BYTES}, new TensorOptions(ScalarType.Byte)));
    private final AtomicLong unused = new AtomicLong();
    private final Team team;

    /**
     * @param threads that read at the same time, each its own part
     * @throws IllegalStateException if {@link HostKernels#available()} is false
     */
    public ReadBandwidth(int threads) {
        if (!HostKernels.available()) {
            throw new IllegalStateException("the JVM runs without --add-modules jdk.incubator.vector; add it");
        }
        this.team = new Team(threads);
        // The first pass compiles.
        double warm = measure();
        unused.addAndGet((long) warm & 1);
    }

    /** Reads half a gigabyte once: bytes a second. */
    public double measure() {
        return read(team, buffer.data_ptr().address(), BYTES, unused);
    }

    /** Reads half a gigabyte again and again until {@code seconds} have passed, at least once: bytes a second on average. */
    public double measure(double seconds) {
        double passes = 0;
        double reading = 0;
        while (passes == 0 || reading < seconds) {
            reading += BYTES / measure();
            passes++;
        }
        return passes * BYTES / reading;
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

    @Override
    public void close() {
        team.close();
        buffer.close();
    }
}
