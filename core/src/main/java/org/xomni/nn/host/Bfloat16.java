package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Rounds fp32 to bf16, its upper half: to the nearest one, of two to the even one. What is no number stays so if it is as hardware makes it. */
final class Bfloat16 {
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Short> S = VectorSpecies.of(short.class, VectorShape.forBitSize(I.vectorBitSize() / 2));
    private static final int LANES = I.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = Dot.MEMORY;

    private Bfloat16() {}

    /**
     * Rounds {@code n} values.
     *
     * @param from their address
     * @param to the address of the bf16 values
     */
    static void store(long from, int n, long to) {
        int i = 0;
        for (; i + LANES <= n; i += LANES) {
            IntVector bits = IntVector.fromMemorySegment(I, MEMORY, from + 4L * i, ORDER);
            IntVector even = bits.lanewise(LSHR, 16).and(1);
            ShortVector upper = (ShortVector) bits.add(0x7FFF).add(even).lanewise(LSHR, 16).convertShape(I2S, S, 0);
            upper.intoMemorySegment(MEMORY, to + 2L * i, ORDER);
        }
        for (; i < n; i++) {
            MEMORY.set(ValueLayout.JAVA_SHORT_UNALIGNED, to + 2L * i, of(MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, from + 4L * i)));
        }
    }

    private static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }
}
