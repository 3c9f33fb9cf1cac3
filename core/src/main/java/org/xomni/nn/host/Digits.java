package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.F2I;
import static jdk.incubator.vector.VectorOperators.I2B;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A vector as whole numbers of 24 bits, nearly as precise as fp32 in its largest elements (within 2^-22 of the largest, or 2^-126), which bytes can be multiplied with:
 *
 * <pre>
 * x = step * q,   q = 65536 d2 + 256 d1 + d0,   -128 <= d <= 127
 * W x = step * (65536 W d2 + 256 W d1 + W d0)
 * </pre>
 *
 * Stored are d + 128, as the CPU wants one factor without a sign; 128 times the sum of a row of W is to be taken off each product. Where an element of x is
 * infinite or no number, so is step, and all of W x is no number.
 */
final class Digits {
    /** Of a number. */
    static final int COUNT = 3;

    /** What is added to a digit. */
    static final int OFFSET = 128;

    private static final int BITS = 8;
    private static final int BASE = 1 << BITS;
    /** The largest q aimed at: three digits of 127 and, as it is computed in fp32, a little less. */
    private static final int MOST = 0x7F7F00;
    /** {@link #OFFSET} in each digit. */
    private static final int OFFSETS = 0x808080;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_256;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_256;
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_64;
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = Dot.MEMORY;

    private Digits() {}

    /**
     * Splits a vector.
     *
     * @param vector address of fp32 elements
     * @param digits address of d2, after {@code stride} bytes d1, after as many d0
     * @return step
     */
    static float split(long vector, int size, long digits, long stride) {
        float largest = largest(vector, size);
        // The inverse shall be a number; what is none stays none.
        float step = Math.max(largest / MOST, Float.MIN_NORMAL);
        float inverse = 1 / step;
        int i = 0;
        for (; i <= size - LANES; i += LANES) {
            FloatVector x = FloatVector.fromMemorySegment(F, MEMORY, vector + (long) Float.BYTES * i, ORDER).mul(inverse);
            FloatVector half = FloatVector.broadcast(F, 0.5f).blend(-0.5f, x.compare(LT, 0));
            IntVector q = ((IntVector) x.add(half).convertShape(F2I, I, 0)).add(OFFSETS);
            store(q.lanewise(ASHR, 2 * BITS), digits + i);
            store(q.lanewise(ASHR, BITS), digits + stride + i);
            store(q, digits + 2 * stride + i);
        }
        for (; i < size; i++) {
            float x = MEMORY.get(ValueLayout.JAVA_FLOAT, vector + (long) Float.BYTES * i) * inverse;
            int q = (int) (x + (x < 0 ? -0.5f : 0.5f)) + OFFSETS;
            for (int d = 0; d < COUNT; d++) {
                MEMORY.set(ValueLayout.JAVA_BYTE, digits + d * stride + i, (byte) (q >> (COUNT - 1 - d) * BITS));
            }
        }
        return step;
    }

    private static void store(IntVector low, long to) {
        ((ByteVector) low.convertShape(I2B, B, 0)).intoMemorySegment(MEMORY, to, ORDER);
    }

    private static float largest(long vector, int size) {
        FloatVector largest = FloatVector.zero(F);
        int i = 0;
        for (; i <= size - LANES; i += LANES) {
            largest = largest.max(FloatVector.fromMemorySegment(F, MEMORY, vector + (long) Float.BYTES * i, ORDER).abs());
        }
        float most = largest.reduceLanes(MAX);
        for (; i < size; i++) {
            most = Math.max(most, Math.abs(MEMORY.get(ValueLayout.JAVA_FLOAT, vector + (long) Float.BYTES * i)));
        }
        return most;
    }

    /**
     * {@code y[i] = step * scale[i] * (W x)[i]} from the products of W with the digits that are stored.
     *
     * @param products address of those with d2, after {@code stride} numbers those with d1, after as many those with d0
     * @param scale address of that of each row of W, fp32
     * @param sums address of those of each row's weights, 32-bit
     * @param y address of fp32 results
     */
    static void join(long products, int stride, int rows, long scale, long sums, float step, long y) {
        long line = (long) Integer.BYTES * stride;
        int i = 0;
        for (; i <= rows - LANES; i += LANES) {
            long at = products + (long) Integer.BYTES * i;
            IntVector off = IntVector.fromMemorySegment(I, MEMORY, sums + (long) Integer.BYTES * i, ORDER).mul(OFFSET);
            FloatVector sum = digit(at, off).mul(BASE).add(digit(at + line, off)).mul(BASE).add(digit(at + 2 * line, off));
            sum.mul(step).mul(FloatVector.fromMemorySegment(F, MEMORY, scale + (long) Float.BYTES * i, ORDER)).intoMemorySegment(MEMORY, y + (long) Float.BYTES * i, ORDER);
        }
        for (; i < rows; i++) {
            long at = products + (long) Integer.BYTES * i;
            int off = OFFSET * MEMORY.get(ValueLayout.JAVA_INT, sums + (long) Integer.BYTES * i);
            float sum = (digit(at, off) * BASE + digit(at + line, off)) * BASE + digit(at + 2 * line, off);
            MEMORY.set(ValueLayout.JAVA_FLOAT, y + (long) Float.BYTES * i, sum * step * MEMORY.get(ValueLayout.JAVA_FLOAT, scale + (long) Float.BYTES * i));
        }
    }

    private static FloatVector digit(long at, IntVector off) {
        return (FloatVector) IntVector.fromMemorySegment(I, MEMORY, at, ORDER).sub(off).convertShape(I2F, F, 0);
    }

    private static float digit(long at, int off) {
        return MEMORY.get(ValueLayout.JAVA_INT, at) - off;
    }
}
