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
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.xomni.nn.Int8Lanes;

/**
 * Products of a few rows of weights with one vector or two.
 *
 * <p>The code looks the way it does for C2. Loops run over addresses in a segment that is all of memory: C2 does not unroll them, so 16
 * registers suffice. The one variable that changes is the address of a weight, and all others follow from it by few distances: more of either
 * are spilled to the stack, which halves the speed. Nothing but Vector API calls stands in a loop, as a helper that is not inlined costs a factor
 * of ten; so does a method with so many of them that C1 gives up, as C2 then never hears of it.
 *
 * <p>Long rows are read four at a time, which shares the vector's loads; short ones one after the other, as the CPU's prefetcher loses its
 * thread at the end of each. The order of summation depends on type and columns only.
 */
final class Dot {
    /** Rows that are taken at a time, at most. */
    static final int ROWS = 32;

    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final int STEP = F.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    /** All of memory: native addresses are its offsets. */
    static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    private static final int BLOCK = HostMatrix.BLOCK;

    /** Chunks of packed int8 are 256 bits wide; registers of 128 bits take them in two passes. */
    private static final VectorSpecies<Float> F8 = LANES < 8 ? FloatVector.SPECIES_128 : FloatVector.SPECIES_256;
    private static final VectorSpecies<Integer> I8 = LANES < 8 ? IntVector.SPECIES_128 : IntVector.SPECIES_256;
    private static final int CHUNK = Int8Lanes.COLUMNS;
    private static final int PACKED_STEP = BLOCK * CHUNK;

    /** An int8 weight is computed this much too large. */
    static final float TOP_SCALE = 0x1p-24f;

    /** Elements in 64 bytes. */
    private static final int ALIGNED = 16;

    /** Rows of at most so many bytes, 64 registers, are read one after the other (docs/log.md, 2026-11-29). */
    private static final int SHORT_ROW = 64 * STEP;

    private final HostMatrix.Type type;
    private final long weights;
    private final int cols;
    private final long stride;
    private final boolean oneByOne;
    /** Bytes of a row (of a packed block for int8) that the loops take in whole registers. */
    private final long whole;
    /** Lanes of the row's last register, if it is not a whole one. */
    private final int last;
    /** Bytes of vectors before the first element. */
    private final long skipped;
    /** Bytes from the even to the odd elements of a vector laid out for bf16. */
    private final long toOdd;

    /** Partial sums of each row, lane by lane. */
    private final float[] partial = new float[ROWS * LANES];

    private final float[] alone = new float[BLOCK * LANES];

    private final float[] sums = new float[ROWS];

    /**
     * @param skip elements of vectors before the first that is multiplied, a multiple of 32 for int8, else 0
     */
    Dot(HostMatrix.Type type, long weights, int cols, int skip) {
        boolean packed = type == HostMatrix.Type.INT8;
        this.type = type;
        this.weights = weights;
        this.cols = cols;
        this.stride = packed ? Int8Lanes.padded(cols) : (long) cols * type.bytes();
        this.oneByOne = isOneByOne(type, cols);
        this.whole = packed ? BLOCK * stride : stride / STEP * STEP;
        this.last = packed ? 0 : (int) (stride - whole) / Float.BYTES;
        this.skipped = (long) Float.BYTES * skip;
        this.toOdd = (long) Float.BYTES * oddFrom(cols);
    }

    /** Whether rows are read one after the other. */
    static boolean isOneByOne(HostMatrix.Type type, int cols) {
        return type != HostMatrix.Type.INT8 && (long) cols * type.bytes() <= SHORT_ROW;
    }

    /** Where the odd elements of a vector of {@code size} begin, laid out for bf16 with the even ones before them. */
    static int oddFrom(int size) {
        return (size / 2 + ALIGNED - 1) / ALIGNED * ALIGNED;
    }

    /** How many vectors {@link #rows} takes at a time. */
    int vectors() {
        return oneByOne ? 2 : 1;
    }

    /** How many rows {@link #rows} takes at a time, a multiple of {@link HostMatrix#BLOCK}. */
    int rows() {
        return ROWS / vectors();
    }

    /**
     * Multiplies rows with vectors; {@link #sum} has the results.
     *
     * @param first a multiple of {@link HostMatrix#BLOCK}
     * @param from the first row asked for, from {@code first}
     * @param to the row after the last, at most {@code first + rows()}
     * @param b the first vector
     * @param count how many, at most {@link #vectors()}
     */
    void rows(int first, int from, int to, HostVector x, int b, int count) {
        long begin = x.address(b, type.ways()) + skipped;
        if (oneByOne) {
            shortRows(weights + from * stride, from - first, to - from, begin, x.address(b + count - 1, type.ways()), count);
        } else {
            longRows(first, from, to, begin);
        }
        for (int i = 0; i < count; i++) {
            addLastColumn(from, to, from - first + i * rows(), x.address(b + i, 1));
        }
    }

    /** The result of row {@code first + k} with the {@code i}-th of the vectors. */
    float sum(int k, int i) {
        return sums[i * rows() + k];
    }

    private void shortRows(long w, int at, int rows, long x, long y, int count) {
        int second = rows() * LANES;
        if (type == HostMatrix.Type.FP32) {
            if (count == 1) {
                fp32Rows(w, stride, rows, whole, x, partial, at * LANES);
            } else {
                fp32Pairs(w, stride, rows, whole, x, y, partial, at * LANES, second);
            }
        } else if (count == 1) {
            bf16Rows(w, stride, rows, whole, x, toOdd, partial, at * LANES);
        } else {
            bf16Pairs(w, stride, rows, whole, x, y, toOdd, partial, at * LANES, second);
        }
        addLastLanes(w, rows, x, at);
        Lanes.sums(partial, LANES, at, at + rows, sums);
        if (count == 2) {
            addLastLanes(w, rows, y, rows() + at);
            Lanes.sums(partial, LANES, rows() + at, rows() + at + rows, sums);
        }
    }

    private void longRows(int first, int from, int to, long x) {
        for (int block = first; block < to; block += BLOCK) {
            int at = (block - first) * LANES;
            long w = weights + block * stride;
            if (type == HostMatrix.Type.INT8) {
                int8(w, x, (block - first) * F8.length());
            } else if (from <= block && block + BLOCK <= to) {
                four(w, stride, x, partial, at);
            } else {
                // A row alone goes through the same instructions as in company, so that it gives the same bits.
                for (int k = Math.max(from, block) - block; k < Math.min(to, block + BLOCK) - block; k++) {
                    four(w + k * stride, 0, x, alone, 0);
                    System.arraycopy(alone, 0, partial, at + k * LANES, LANES);
                }
            }
        }
        int rows = (to - first + BLOCK - 1) / BLOCK * BLOCK;
        if (type == HostMatrix.Type.INT8) {
            Lanes.sums(partial, F8.length(), 0, rows, sums);
            for (int k = 0; k < rows; k++) {
                sums[k] *= TOP_SCALE;
            }
        } else {
            addLastLanes(weights + from * stride, to - from, x, from - first);
            Lanes.sums(partial, LANES, 0, rows, sums);
        }
    }

    /** Adds the products of what is left of each row after its whole registers. */
    private void addLastLanes(long w, int rows, long x, int at) {
        if (last == 0) {
            return;
        }
        if (type == HostMatrix.Type.FP32) {
            fp32Last(w + whole, stride, rows, last, x + whole, partial, at * LANES);
        } else {
            bf16Last(w + whole, stride, rows, last, x + whole, toOdd, partial, at * LANES);
        }
    }

    private void four(long w, long step, long x, float[] partial, int at) {
        if (type == HostMatrix.Type.FP32) {
            fp32(w, step, whole, x, partial, at);
        } else {
            bf16(w, step, whole, x, toOdd, partial, at);
        }
    }

    private void int8(long w, long x, int at) {
        int8(w, whole, x, partial, at);
        if (F8.length() == 4) {
            System.arraycopy(partial, at, alone, 0, BLOCK * F8.length());
            int8(w + CHUNK / 2, whole, x + CHUNK / 2, partial, at);
            for (int i = 0; i < BLOCK * F8.length(); i++) {
                partial[at + i] += alone[i];
            }
        }
    }

    /** Adds the products of the last of an odd number of bf16 columns. */
    private void addLastColumn(int from, int to, int at, long x) {
        if (type != HostMatrix.Type.BF16 || cols % 2 == 0) {
            return;
        }
        float value = MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, x + (long) Float.BYTES * (cols - 1));
        for (int row = from; row < to; row++) {
            short weight = MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, weights + (row + 1) * stride - Short.BYTES);
            sums[at + row - from] += Float.intBitsToFloat(weight << 16) * value;
        }
    }

    /** Four rows, {@code step} bytes apart, into {@code partial[at..]}. */
    private static void fp32(long w, long step, long bytes, long x, float[] partial, int at) {
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
        a0.intoArray(partial, at);
        a1.intoArray(partial, at + LANES);
        a2.intoArray(partial, at + 2 * LANES);
        a3.intoArray(partial, at + 3 * LANES);
    }

    private static void fp32Rows(long w, long stride, int rows, long bytes, long x, float[] partial, int at) {
        for (int k = 0; k < rows; k++) {
            FloatVector a0 = FloatVector.zero(F);
            FloatVector a1 = a0;
            long p = w + k * stride;
            long distance = x - p;
            long end = p + bytes;
            for (long pairs = p + bytes / (2L * STEP) * (2L * STEP); p != pairs; p += 2L * STEP) {
                long q = p + distance;
                a0 = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p, ORDER), a0);
                a1 = FloatVector.fromMemorySegment(F, MEMORY, q + STEP, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p + STEP, ORDER), a1);
            }
            if (p != end) {
                a0 = FloatVector.fromMemorySegment(F, MEMORY, p + distance, ORDER).fma(FloatVector.fromMemorySegment(F, MEMORY, p, ORDER), a0);
            }
            a0.add(a1).intoArray(partial, at + k * LANES);
        }
    }

    /** {@link #fp32Rows} for two vectors, to the bit; the second one's sums stand at {@code at + second}. */
    private static void fp32Pairs(long w, long stride, int rows, long bytes, long x, long y, float[] partial, int at, int second) {
        for (int k = 0; k < rows; k++) {
            FloatVector a0 = FloatVector.zero(F);
            FloatVector a1 = a0;
            FloatVector b0 = a0;
            FloatVector b1 = a0;
            long p = w + k * stride;
            long toX = x - p;
            long toY = y - p;
            long end = p + bytes;
            for (long pairs = p + bytes / (2L * STEP) * (2L * STEP); p != pairs; p += 2L * STEP) {
                FloatVector v = FloatVector.fromMemorySegment(F, MEMORY, p, ORDER);
                a0 = FloatVector.fromMemorySegment(F, MEMORY, p + toX, ORDER).fma(v, a0);
                b0 = FloatVector.fromMemorySegment(F, MEMORY, p + toY, ORDER).fma(v, b0);
                v = FloatVector.fromMemorySegment(F, MEMORY, p + STEP, ORDER);
                a1 = FloatVector.fromMemorySegment(F, MEMORY, p + STEP + toX, ORDER).fma(v, a1);
                b1 = FloatVector.fromMemorySegment(F, MEMORY, p + STEP + toY, ORDER).fma(v, b1);
            }
            if (p != end) {
                FloatVector v = FloatVector.fromMemorySegment(F, MEMORY, p, ORDER);
                a0 = FloatVector.fromMemorySegment(F, MEMORY, p + toX, ORDER).fma(v, a0);
                b0 = FloatVector.fromMemorySegment(F, MEMORY, p + toY, ORDER).fma(v, b0);
            }
            a0.add(a1).intoArray(partial, at + k * LANES);
            b0.add(b1).intoArray(partial, at + k * LANES + second);
        }
    }

    /** Adds the products of the first {@code lanes} columns to the partial sums of some rows. */
    private static void fp32Last(long w, long stride, int rows, int lanes, long x, float[] partial, int at) {
        VectorMask<Float> m = F.indexInRange(0, lanes);
        for (int k = 0; k < rows; k++) {
            FloatVector.fromMemorySegment(F, MEMORY, x, ORDER, m)
                    .fma(FloatVector.fromMemorySegment(F, MEMORY, w + k * stride, ORDER, m), FloatVector.fromArray(F, partial, at + k * LANES))
                    .intoArray(partial, at + k * LANES);
        }
    }

    /** A bf16 number is the upper half of an fp32 one: the odd weights of a register are masked out, the even ones shifted up. */
    private static void bf16(long w, long step, long bytes, long x, long toOdd, float[] partial, int at) {
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
            FloatVector odd = FloatVector.fromMemorySegment(F, MEMORY, q + toOdd, ORDER);
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
        a0.intoArray(partial, at);
        a1.intoArray(partial, at + LANES);
        a2.intoArray(partial, at + 2 * LANES);
        a3.intoArray(partial, at + 3 * LANES);
    }

    private static void bf16Rows(long w, long stride, int rows, long bytes, long x, long toOdd, float[] partial, int at) {
        for (int k = 0; k < rows; k++) {
            FloatVector a0 = FloatVector.zero(F);
            FloatVector a1 = a0;
            long p = w + k * stride;
            long distance = x - p;
            for (long end = p + bytes; p != end; p += STEP) {
                long q = p + distance;
                IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
                a0 = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER).fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a0);
                a1 = FloatVector.fromMemorySegment(F, MEMORY, q + toOdd, ORDER).fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a1);
            }
            a0.add(a1).intoArray(partial, at + k * LANES);
        }
    }

    /** {@link #bf16Rows} for two vectors, to the bit; the second one's sums stand at {@code at + second}. */
    private static void bf16Pairs(
            long w, long stride, int rows, long bytes, long x, long y, long toOdd, float[] partial, int at, int second) {
        for (int k = 0; k < rows; k++) {
            FloatVector a0 = FloatVector.zero(F);
            FloatVector a1 = a0;
            FloatVector b0 = a0;
            FloatVector b1 = a0;
            long p = w + k * stride;
            long toX = x - p;
            long toY = y - p;
            for (long end = p + bytes; p != end; p += STEP) {
                long q = p + toX;
                long r = p + toY;
                IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
                FloatVector even = v.lanewise(LSHL, 16).reinterpretAsFloats();
                FloatVector odd = v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats();
                a0 = FloatVector.fromMemorySegment(F, MEMORY, q, ORDER).fma(even, a0);
                b0 = FloatVector.fromMemorySegment(F, MEMORY, r, ORDER).fma(even, b0);
                a1 = FloatVector.fromMemorySegment(F, MEMORY, q + toOdd, ORDER).fma(odd, a1);
                b1 = FloatVector.fromMemorySegment(F, MEMORY, r + toOdd, ORDER).fma(odd, b1);
            }
            a0.add(a1).intoArray(partial, at + k * LANES);
            b0.add(b1).intoArray(partial, at + k * LANES + second);
        }
    }

    /** Adds the products of the first {@code lanes} pairs of columns to the partial sums of some rows. */
    private static void bf16Last(long w, long stride, int rows, int lanes, long x, long toOdd, float[] partial, int at) {
        VectorMask<Float> m = F.indexInRange(0, lanes);
        VectorMask<Integer> n = I.indexInRange(0, lanes);
        for (int k = 0; k < rows; k++) {
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, w + k * stride, ORDER, n);
            FloatVector a = FloatVector.fromArray(F, partial, at + k * LANES);
            a = FloatVector.fromMemorySegment(F, MEMORY, x, ORDER, m).fma(v.lanewise(LSHL, 16).reinterpretAsFloats(), a);
            a = FloatVector.fromMemorySegment(F, MEMORY, x + toOdd, ORDER, m).fma(v.lanewise(AND, 0xFFFF0000).reinterpretAsFloats(), a);
            a.intoArray(partial, at + k * LANES);
        }
    }

    /**
     * Each byte of a lane is brought to the top, where its sign is the lane's, and converted there together with the bytes below it. Two sums for each row: a
     * single one would wait for itself four times in a chunk.
     */
    private static void int8(long w, long bytes, long x, float[] partial, int at) {
        FloatVector a0 = FloatVector.zero(F8);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        long distance = x - w;
        for (long p = w, end = w + bytes; p != end; p += PACKED_STEP) {
            long q = p + distance;
            FloatVector x0 = FloatVector.fromMemorySegment(F8, MEMORY, q, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(F8, MEMORY, q + CHUNK, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(F8, MEMORY, q + 2 * CHUNK, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(F8, MEMORY, q + 3 * CHUNK, ORDER);
            IntVector v = IntVector.fromMemorySegment(I8, MEMORY, p, ORDER);
            a0 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a0);
            b0 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), b0);
            a0 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a0);
            b0 = x3.fma(v.convertShape(I2F, F8, 0), b0);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + CHUNK, ORDER);
            a1 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a1);
            b1 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), b1);
            a1 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a1);
            b1 = x3.fma(v.convertShape(I2F, F8, 0), b1);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + 2 * CHUNK, ORDER);
            a2 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a2);
            b2 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), b2);
            a2 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a2);
            b2 = x3.fma(v.convertShape(I2F, F8, 0), b2);
            v = IntVector.fromMemorySegment(I8, MEMORY, p + 3 * CHUNK, ORDER);
            a3 = x0.fma(v.lanewise(LSHL, 24).convertShape(I2F, F8, 0), a3);
            b3 = x1.fma(v.lanewise(LSHL, 16).convertShape(I2F, F8, 0), b3);
            a3 = x2.fma(v.lanewise(LSHL, 8).convertShape(I2F, F8, 0), a3);
            b3 = x3.fma(v.convertShape(I2F, F8, 0), b3);
        }
        a0.add(b0).intoArray(partial, at);
        a1.add(b1).intoArray(partial, at + F8.length());
        a2.add(b2).intoArray(partial, at + 2 * F8.length());
        a3.add(b3).intoArray(partial, at + 3 * F8.length());
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
