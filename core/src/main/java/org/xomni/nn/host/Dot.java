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
import jdk.incubator.vector.VectorSpecies;
import org.xomni.nn.PackedInt8;

/**
 * Products of four rows of weights with one vector.
 *
 * <p>The code looks the way it does for C2. Loops run over addresses in a segment that is all of memory: C2 does not unroll them, so 16
 * registers suffice. The one variable that changes is the address of a weight, and all others follow from it by few distances: more of either
 * are spilled to the stack, which halves the speed. Nothing but Vector API calls stands in a loop, as a helper that is not inlined costs a factor
 * of ten.
 *
 * <p>Long rows are read four at a time, which shares the vector's loads; short ones one after the other, as the CPU's prefetcher loses its
 * thread at the end of each. The order of summation depends on type and columns only.
 */
final class Dot {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final int STEP = F.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** All of memory: native addresses are its offsets. */
    static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final int ROWS = HostMatrix.BLOCK;

    /** Chunks of packed int8 are 256 bits wide; registers of 128 bits take them in two passes. */
    private static final VectorSpecies<Float> F8 = LANES < 8 ? FloatVector.SPECIES_128 : FloatVector.SPECIES_256;
    private static final VectorSpecies<Integer> I8 = LANES < 8 ? IntVector.SPECIES_128 : IntVector.SPECIES_256;
    private static final int CHUNK = PackedInt8.COLUMNS;
    private static final int PACKED_STEP = ROWS * CHUNK;

    /** An int8 weight is computed this much too large. */
    private static final float TOP_SCALE = 0x1p-24f;

    /** Rows of at most so many bytes are read one after the other. */
    private static final int SHORT_ROW = 4096;

    private final HostMatrix.Type type;
    private final long weights;
    private final int cols;
    private final long stride;
    private final boolean oneByOne;
    private final int covered;

    /** Partial sums of each row, lane by lane. */
    private final float[] partial = new float[ROWS * Math.max(LANES, 8)];

    private final float[] sums = new float[ROWS];

    Dot(HostMatrix.Type type, long weights, int cols) {
        this.type = type;
        this.weights = weights;
        this.cols = cols;
        this.stride = type == HostMatrix.Type.INT8 ? PackedInt8.padded(cols) : (long) cols * type.bytes();
        this.oneByOne = oneByOne(type, cols);
        this.covered = covered(type, cols);
    }

    private static boolean oneByOne(HostMatrix.Type type, int cols) {
        return type != HostMatrix.Type.INT8 && (long) cols * type.bytes() <= SHORT_ROW;
    }

    /** How many of {@code cols} columns the vector loops take; the rest is added one by one. */
    static int covered(HostMatrix.Type type, int cols) {
        int step = LANES * type.ways() * (oneByOne(type, cols) ? 4 / type.ways() : 1);
        return type == HostMatrix.Type.INT8 ? cols : cols / step * step;
    }

    /** Multiplies rows from..to-1 of the block that begins with row {@code block} with vector {@code b} of {@code x}. */
    void rows(int block, int from, int to, HostVector x, int b) {
        long w = weights + block * stride;
        long laidOut = x.address(b, type.ways());
        long bytes = (long) covered * type.bytes();
        if (type == HostMatrix.Type.INT8) {
            int8(w, ROWS * stride, laidOut);
        } else if (oneByOne) {
            for (int k = from; k < to; k++) {
                one(w + k * stride, bytes, laidOut);
                sums[k] = lanes(0, LANES);
            }
        } else if (to - from == ROWS) {
            four(w, stride, bytes, laidOut);
            for (int k = 0; k < ROWS; k++) {
                sums[k] = lanes(k * LANES, LANES);
            }
        } else {
            // A row alone goes through the same instructions as in company, so that it gives the same bits.
            for (int k = from; k < to; k++) {
                four(w + k * stride, 0, bytes, laidOut);
                sums[k] = lanes(0, LANES);
            }
        }
        if (covered < cols) {
            long plain = x.address(b, 1);
            for (int k = from; k < to; k++) {
                sums[k] += rest(w + k * stride, plain);
            }
        }
    }

    /** The result of the {@code k}-th row of the last block. */
    float sum(int k) {
        return sums[k];
    }

    private void one(long w, long bytes, long x) {
        if (type == HostMatrix.Type.FP32) {
            fp32Row(w, bytes, x, partial);
        } else {
            bf16Row(w, bytes, x, bytes, partial);
        }
    }

    private void four(long w, long step, long bytes, long x) {
        if (type == HostMatrix.Type.FP32) {
            fp32(w, step, bytes, x, partial);
        } else {
            bf16(w, step, bytes, x, bytes, partial);
        }
    }

    private void int8(long w, long bytes, long x) {
        int8(w, bytes, x, partial);
        for (int k = 0; k < ROWS; k++) {
            sums[k] = lanes(k * F8.length(), F8.length()) * TOP_SCALE;
        }
        if (F8.length() == 4) {
            int8(w + CHUNK / 2, bytes, x + CHUNK / 2, partial);
            for (int k = 0; k < ROWS; k++) {
                sums[k] += lanes(k * F8.length(), F8.length()) * TOP_SCALE;
            }
        }
    }

    private float lanes(int from, int count) {
        return sum(partial, from, count);
    }

    /** Adds up lanes in a fixed order, halves onto halves: {@code reduceLanes} may round differently interpreted and compiled. */
    static float sum(float[] p, int from, int count) {
        if (count == 8) {
            return ((p[from] + p[from + 4]) + (p[from + 2] + p[from + 6])) + ((p[from + 1] + p[from + 5]) + (p[from + 3] + p[from + 7]));
        }
        for (int half = count / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                p[from + i] += p[from + half + i];
            }
        }
        return p[from];
    }

    private float rest(long row, long x) {
        float sum = 0;
        for (int i = covered; i < cols; i++) {
            float weight = type == HostMatrix.Type.FP32
                    ? MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, row + 4L * i)
                    : Float.intBitsToFloat(MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, row + 2L * i) << 16);
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

    private static void fp32Row(long w, long bytes, long x, float[] partial) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += 4L * STEP) {
            long q = p + distance;
            a0 = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p, ORDER), a0);
            a1 = FloatVector.fromMemorySegment(F, MEMORY, q + STEP, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p + STEP, ORDER), a1);
            a2 = FloatVector.fromMemorySegment(F, MEMORY, q + 2L * STEP, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p + 2L * STEP, ORDER), a2);
            a3 = FloatVector.fromMemorySegment(F, MEMORY, q + 3L * STEP, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p + 3L * STEP, ORDER), a3);
        }
        a0.add(a1).add(a2.add(a3)).intoArray(partial, 0);
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

    private static void bf16Row(long w, long bytes, long x, long part, float[] partial) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += 2L * STEP) {
            long q = p + distance;
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            a0 = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER).fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a0);
            a1 = FloatVector.fromMemorySegment(F, MEMORY, q + part, ORDER).fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a1);
            v = IntVector.fromMemorySegment(I, MEMORY, p + STEP, ORDER);
            a2 = FloatVector.fromMemorySegment(F, MEMORY, q + STEP, ORDER).fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a2);
            a3 = FloatVector.fromMemorySegment(F, MEMORY, q + part + STEP, ORDER).fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a3);
        }
        a0.add(a1).add(a2.add(a3)).intoArray(partial, 0);
    }

    /** Each byte of a lane is brought to the top, where its sign is the lane's, and converted there together with the bytes below it. */
    private static void int8(long w, long bytes, long x, float[] partial) {
        FloatVector a0 = FloatVector.zero(F8);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += PACKED_STEP) {
            long q = p + distance;
            FloatVector x0 = FloatVector.fromMemorySegment(F8, MEMORY, q, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(F8, MEMORY, q + CHUNK, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(F8, MEMORY, q + 2 * CHUNK, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(F8, MEMORY, q + 3 * CHUNK, ORDER);
            IntVector v = IntVector.fromMemorySegment(I8, MEMORY, p, ORDER);
            a0 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a0);
            a0 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), a0);
            a0 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a0);
            a0 = x3.fma(v.convertShape(I2F, F8, 0), a0);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + CHUNK, ORDER);
            a1 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a1);
            a1 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), a1);
            a1 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a1);
            a1 = x3.fma(v.convertShape(I2F, F8, 0), a1);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + 2 * CHUNK, ORDER);
            a2 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a2);
            a2 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), a2);
            a2 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a2);
            a2 = x3.fma(v.convertShape(I2F, F8, 0), a2);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + 3 * CHUNK, ORDER);
            a3 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a3);
            a3 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), a3);
            a3 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a3);
            a3 = x3.fma(v.convertShape(I2F, F8, 0), a3);
        }
        a0.intoArray(partial, 0);
        a1.intoArray(partial, F8.length());
        a2.intoArray(partial, 2 * F8.length());
        a3.intoArray(partial, 3 * F8.length());
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
