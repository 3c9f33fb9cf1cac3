package org.xomni.cli;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.xomni.nn.host.HostKernels;
import org.xomni.nn.host.ReadBandwidth;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Scope;

/** Medians of 5, taken in turns with the machine's own limits. */
final class Stopwatch {
    private static final int RUNS = 5;
    /** Seconds of reading memory at a time. */
    private static final double MOST_READING = 2;

    private static final int OPS = 2000;

    private Stopwatch() {}

    /** Something that can be timed again and again. */
    @FunctionalInterface
    interface Run {
        /** Does it once and returns how many seconds the part took that counts. */
        double seconds();
    }

    /** The same for a run that is not cut into pieces. */
    static double median(Run run, Map<String, Object> machine) {
        return median(run, 1, machine);
    }

    /**
     * Times a run and the machine. Memory is read in turns with it and for as long, so that what disturbs the machine now and then disturbs both alike: the
     * median of short readings would be that of the quiet moments, which a long run does not have to itself.
     *
     * @param piece of a run
     * @param pieces that are a run together; memory is read after each
     * @param machine receives {@code read_bandwidth_gbs} and {@code small_op_us}
     * @return median seconds of a piece, each run's being the mean of its own
     */
    static double median(Run piece, int pieces, Map<String, Object> machine) {
        List<Double> seconds = new ArrayList<>();
        List<Double> bandwidths = new ArrayList<>();
        try (ReadBandwidth bandwidth = HostKernels.available() ? new ReadBandwidth(Engine.threads()) : null) {
            double warmUp = piece.seconds();
            assert warmUp >= 0;
            for (int i = 0; i < RUNS; i++) {
                double run = 0;
                double read = 0;
                for (int p = 0; p < pieces; p++) {
                    double once = piece.seconds();
                    run += once / pieces;
                    read += bandwidth == null ? 0 : bandwidth.measure(Math.min(once, MOST_READING)) / pieces;
                }
                seconds.add(run);
                if (bandwidth != null) {
                    bandwidths.add(read);
                }
            }
        }
        if (!bandwidths.isEmpty()) {
            machine.put("read_bandwidth_gbs", round(median(bandwidths) / 1e9));
        }
        machine.put("small_op_us", round(smallOp() * 1e6));
        return median(seconds);
    }

    static double now() {
        return System.nanoTime() / 1e9;
    }

    /** Four significant digits are all that a noisy machine gives. */
    static double round(double value) {
        return value == 0 ? 0 : new BigDecimal(value).round(new MathContext(4)).doubleValue();
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElseThrow();
    }

    /** Seconds of one libtorch operation on 256 floats, closing its result included. */
    private static double smallOp() {
        List<Double> times = new ArrayList<>();
        try (Scope scope = Scope.inference()) {
            Tensor x = torch.ones(256);
            for (int round = 0; round <= RUNS; round++) {
                double start = now();
                for (int i = 0; i < OPS; i++) {
                    x.add(x).close();
                }
                times.add((now() - start) / OPS);
            }
        }
        return median(times);
    }
}
