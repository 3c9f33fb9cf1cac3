package org.xomni.nn.host;

import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** The gated activation of an MLP, {@code gate = silu(gate) * up} with {@code silu(g) = g / (1 + e^-g)}. */
public final class HostSwiGlu {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private HostSwiGlu() {}

    /** Elements from..to-1 of one row, in place. */
    public static void activate(HostVector gate, HostVector up, int row, int from, int to) {
        Objects.checkFromToIndex(from, to, Math.min(gate.size(), up.size()));
        long g = gate.address(row, 1) + (long) Float.BYTES * from;
        long toUp = up.address(row, 1) - gate.address(row, 1);
        int i = from;
        for (; i + LANES <= to; i += LANES, g += F.vectorByteSize()) {
            FloatVector x = FloatVector.fromMemorySegment(F, Dot.MEMORY, g, ORDER);
            x.div(Exponential.of(x.neg()).add(1)).mul(FloatVector.fromMemorySegment(F, Dot.MEMORY, g + toUp, ORDER)).intoMemorySegment(Dot.MEMORY, g, ORDER);
        }
        if (i < to) {
            VectorMask<Float> m = F.indexInRange(i, to);
            FloatVector x = FloatVector.fromMemorySegment(F, Dot.MEMORY, g, ORDER, m);
            x.div(Exponential.of(x.neg()).add(1)).mul(FloatVector.fromMemorySegment(F, Dot.MEMORY, g + toUp, ORDER, m)).intoMemorySegment(Dot.MEMORY, g, ORDER, m);
        }
    }
}
