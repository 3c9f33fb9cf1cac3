package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of four rows of weights with one vector.
 *
 * <p>The code looks the way it does for C2. Loops run over addresses in a segment that is all of memory: C2 does not unroll them, so 16
 * registers suffice. The one variable that changes is the address of a weight, and all others follow from it by few distances: more of
 * either are spilled to the stack, which halves the speed. Nothing but Vector API calls stands in a loop, as a helper that is not inlined
 * costs a factor of ten. Lanes are summed by shuffles because {@code reduceLanes} may round differently interpreted and compiled.
 */
final class Dot {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final int STEP = F.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final int ROWS = HostMatrix.BLOCK;

    private static final VectorShuffle<Float> BY_8 = rotation(8);
    private static final VectorShuffle<Float> BY_4 = rotation(4);
    private static final VectorShuffle<Float> BY_2 = rotation(2);
    private static final VectorShuffle<Float> BY_1 = rotation(1);

    /** The top byte of a lane; the float it becomes is 2^24 too large. */
    private static final int TOP = 0xFF000000;

    private static final float TOP_SCALE = 0x1p-24f;

    private final HostMatrix.Type type;
    private final long weights;
    private final int cols;
    private final long stride;

    /** Columns that whole registers cover. */
    private final int covered;

    /** Two partial sums for each row, lane by lane: [2, ROWS, LANES]. */
    private final float[] partial = new float[2 * ROWS * LANES];

    private final float[] rest = new float[ROWS];

    Dot(HostMatrix.Type type, long weights, int cols) {
        this.type = type;
        this.weights = weights;
        this.cols = cols;
        this.stride = (long) cols * type.bytes();
        this.covered = part(cols, type.ways()) * type.ways();
    }

    /** How many of {@code n} elements go to each of the {@code ways} parts of a vector that is laid out for whole registers. */
    static int part(int n, int ways) {
        return n / (ways * LANES) * LANES;
    }

    /** Multiplies rows first..first+3 with vector {@code b} of {@code x}. */
    void four(int first, HostVector x, int b) {
        rows(first, stride, x, b);
    }

    /** Multiplies one row: the same code and so the same bits as in company, as four rows that are the same one. */
    void one(int row, HostVector x, int b) {
        rows(row, 0, x, b);
    }

    private void rows(int first, long step, HostVector x, int b) {
        long w = weights + first * stride;
        long bytes = (long) covered * type.bytes();
        long laidOut = x.address(b, type.ways());
        switch (type) {
            case FP32 -> fp32(w, step, bytes, laidOut, partial);
            case BF16 -> bf16(w, step, bytes, laidOut, bytes, partial);
            case INT8 -> int8(w, step, bytes, laidOut, bytes, partial);
        }
        if (covered < cols) {
            long plain = x.address(b, 1);
            for (int k = 0; k < ROWS; k++) {
                rest[k] = rest(w + k * step, plain);
            }
        }
    }

    /** The result of the {@code k}-th row of the last product. */
    float sum(int k) {
        FloatVector a = FloatVector.fromArray(F, partial, k * LANES).add(FloatVector.fromArray(F, partial, (ROWS + k) * LANES));
        if (LANES > 8) {
            a = a.add(a.rearrange(BY_8));
        }
        if (LANES > 4) {
            a = a.add(a.rearrange(BY_4));
        }
        if (LANES > 2) {
            a = a.add(a.rearrange(BY_2));
        }
        a = a.add(a.rearrange(BY_1));
        float sum = a.lane(0);
        return (type == HostMatrix.Type.INT8 ? sum * TOP_SCALE : sum) + rest[k];
    }

    private static VectorShuffle<Float> rotation(int by) {
        return VectorShuffle.fromOp(F, i -> (i + by) % LANES);
    }

    private float rest(long row, long x) {
        float sum = 0;
        for (int i = covered; i < cols; i++) {
            float weight =
                    switch (type) {
                        case FP32 -> MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, row + 4L * i);
                        case BF16 -> Float.intBitsToFloat(MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, row + 2L * i) << 16);
                        case INT8 -> MEMORY.get(ValueLayout.JAVA_BYTE, row + i);
                    };
            sum += weight * MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, x + 4L * i);
        }
        return sum;
    }

    private static void fp32(long w, long step, long bytes, long x, float[] partial) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += STEP) {
            long p1 = p + step;
            long p2 = p1 + step;
            long p3 = p2 + step;
            FloatVector v = FloatVector.fromMemorySegment(F, MEMORY, p + distance, ORDER);
            a0 = v.fma(FloatVector.fromMemorySegment(F, MEMORY, p, ORDER), a0);
            a1 = v.fma(FloatVector.fromMemorySegment(F, MEMORY, p1, ORDER), a1);
            a2 = v.fma(FloatVector.fromMemorySegment(F, MEMORY, p2, ORDER), a2);
            a3 = v.fma(FloatVector.fromMemorySegment(F, MEMORY, p3, ORDER), a3);
        }
        a0.intoArray(partial, 0);
        a1.intoArray(partial, LANES);
        a2.intoArray(partial, 2 * LANES);
        a3.intoArray(partial, 3 * LANES);
    }

    /** A bf16 number is the upper half of an fp32 one: the odd weights of a register are masked out, the even ones shifted up. */
    private static void bf16(long w, long step, long bytes, long x, long part, float[] partial) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += STEP) {
            long p1 = p + step;
            long p2 = p1 + step;
            long p3 = p2 + step;
            long q = p + distance;
            FloatVector even = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER);
            FloatVector odd = FloatVector.fromMemorySegment(F, MEMORY, q + part, ORDER);
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            a0 = even.fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a0);
            a0 = odd.fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a0);
            v = IntVector.fromMemorySegment(I, MEMORY, p1, ORDER);
            a1 = even.fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a1);
            a1 = odd.fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a1);
            v = IntVector.fromMemorySegment(I, MEMORY, p2, ORDER);
            a2 = even.fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a2);
            a2 = odd.fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a2);
            v = IntVector.fromMemorySegment(I, MEMORY, p3, ORDER);
            a3 = even.fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a3);
            a3 = odd.fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a3);
        }
        a0.intoArray(partial, 0);
        a1.intoArray(partial, LANES);
        a2.intoArray(partial, 2 * LANES);
        a3.intoArray(partial, 3 * LANES);
    }

    /** Each byte of a lane is brought to the top, where its sign is the lane's, and converted there; two sums a row hide fma's latency. */
    private static void int8(long w, long step, long bytes, long x, long part, float[] partial) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += STEP) {
            long p1 = p + step;
            long p2 = p1 + step;
            long p3 = p2 + step;
            long q0 = p + distance;
            long q1 = q0 + part;
            long q2 = q1 + part;
            long q3 = q2 + part;
            FloatVector x0 = FloatVector.fromMemorySegment(F, MEMORY, q0, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(F, MEMORY, q1, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(F, MEMORY, q2, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(F, MEMORY, q3, ORDER);
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            a0 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F, 0), a0);
            b0 = x1.fma(v.lanewise(LSHL, 16).lanewise(AND, TOP).convertShape(I2F, F, 0), b0);
            a0 = x2.fma(v.lanewise(LSHL, 8).lanewise(AND, TOP).convertShape(I2F, F, 0), a0);
            b0 = x3.fma(v.lanewise(AND, TOP).convertShape(I2F, F, 0), b0);
            v = IntVector.fromMemorySegment(I, MEMORY, p1, ORDER);
            a1 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F, 0), a1);
            b1 = x1.fma(v.lanewise(LSHL, 16).lanewise(AND, TOP).convertShape(I2F, F, 0), b1);
            a1 = x2.fma(v.lanewise(LSHL, 8).lanewise(AND, TOP).convertShape(I2F, F, 0), a1);
            b1 = x3.fma(v.lanewise(AND, TOP).convertShape(I2F, F, 0), b1);
            v = IntVector.fromMemorySegment(I, MEMORY, p2, ORDER);
            a2 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F, 0), a2);
            b2 = x1.fma(v.lanewise(LSHL, 16).lanewise(AND, TOP).convertShape(I2F, F, 0), b2);
            a2 = x2.fma(v.lanewise(LSHL, 8).lanewise(AND, TOP).convertShape(I2F, F, 0), a2);
            b2 = x3.fma(v.lanewise(AND, TOP).convertShape(I2F, F, 0), b2);
            v = IntVector.fromMemorySegment(I, MEMORY, p3, ORDER);
            a3 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F, 0), a3);
            b3 = x1.fma(v.lanewise(LSHL, 16).lanewise(AND, TOP).convertShape(I2F, F, 0), b3);
            a3 = x2.fma(v.lanewise(LSHL, 8).lanewise(AND, TOP).convertShape(I2F, F, 0), a3);
            b3 = x3.fma(v.lanewise(AND, TOP).convertShape(I2F, F, 0), b3);
        }
        a0.intoArray(partial, 0);
        a1.intoArray(partial, LANES);
        a2.intoArray(partial, 2 * LANES);
        a3.intoArray(partial, 3 * LANES);
        b0.intoArray(partial, 4 * LANES);
        b1.intoArray(partial, 5 * LANES);
        b2.intoArray(partial, 6 * LANES);
        b3.intoArray(partial, 7 * LANES);
    }

    /** Reads a stretch of memory, a multiple of four registers long, as fast as can be; what it returns depends on every byte of it. */
    static int read(long from, long bytes) {
        IntVector a = IntVector.zero(I);
        IntVector b = a;
        IntVector c = a;
        IntVector d = a;
        for (long p = from, end = from + bytes; p != end; p += 4L * STEP) {
            a = a.add(IntVector.fromMemorySegment(I, MEMORY, p, ORDER));
            b = b.add(IntVector.fromMemorySegment(I, MEMORY, p + STEP, ORDER));
            c = c.add(IntVector.fromMemorySegment(I, MEMORY, p + 2L * STEP, ORDER));
            d = d.add(IntVector.fromMemorySegment(I, MEMORY, p + 3L * STEP, ORDER));
        }
        return a.add(b).add(c.add(d)).reduceLanes(ADD);
    }
}
