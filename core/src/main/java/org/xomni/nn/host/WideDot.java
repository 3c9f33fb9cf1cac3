package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of short rows of weights with as many vectors as a register has lanes: each lane belongs to a vector, and each weight is multiplied with all of
 * them at once, so that no lanes have to be added up in the end.
 *
 * <p>A vector gets the bits that {@link Dot} gives it: its elements are summed by <em>classes</em>, those that {@link Dot} sums in the same lane of the same
 * register, and the sums of classes are added in the order of {@link Lanes}. Both weights and vectors are laid out by classes for this: two
 * registers of {@link Dot}, elements {@code 32 j} to {@code 32 j + 31}, are a <em>step</em>; of each step a class has one element of either half.
 */
final class WideDot implements AutoCloseable {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final long REGISTER = F.vectorByteSize();
    private static final long STEP = 2 * REGISTER;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = Dot.MEMORY;

    /** Rows that are multiplied at a time: sums of two halves of a step take sixteen registers. */
    private static final int ROWS = 8;

    /** Bytes from one unpacked row to the next: more than the longest short row has, and such that rows fall into different sets of the nearest cache. */
    private static final long ROW = 147 * 64;

    /** So many vectors are worth a register of their own. */
    private static final int PAYING = 9;

    private final HostMatrix.Type type;
    private final long weights;
    private final int cols;
    /** Whole steps, and whether there is one more that is not. */
    private final int steps;

    private final boolean rest;
    private final Arena arena = Arena.ofConfined();
    private final long unpacked;

    /** Sums of a class [class, row, vector]. */
    private final float[] classes = new float[LANES * ROWS * LANES];

    WideDot(HostMatrix.Type type, long weights, int cols) {
        this.type = type;
        this.weights = weights;
        this.cols = cols;
        this.steps = wholeSteps(type, cols);
        this.rest = hasRest(type, cols);
        this.unpacked = arena.allocate(ROWS * ROW, REGISTER).address();
    }

    /**
     * How many registers of vectors, the first ones of {@code batch}, are multiplied this way; {@link Dot} does the others.
     *
     * @return 0 where rows are long, or where 32 registers of 512 bits are not at hand
     */
    static int registers(HostMatrix.Type type, int cols, int batch) {
        if (LANES != 16 || !Dot.isOneByOne(type, cols) || type == HostMatrix.Type.BF16 && cols % 2 != 0) {
            return 0;
        }
        return batch / LANES + (batch % LANES >= PAYING ? 1 : 0);
    }

    /** Vectors that so many registers hold. */
    static int vectors(int registers) {
        return registers * LANES;
    }

    /** Bytes of one register of vectors, laid out. */
    static long bytes(HostMatrix.Type type, int cols) {
        return LANES * classBytes(type, cols);
    }

    /** Where element {@code k} of the first vector lies within these bytes; that of the next one follows. */
    static long place(HostMatrix.Type type, int cols, int k) {
        if (type == HostMatrix.Type.BF16) {
            return k % (2 * LANES) / 2 * classBytes(type, cols) + k / (2 * LANES) * STEP + k % 2 * REGISTER;
        }
        int register = k / LANES;
        boolean whole = register < cols / LANES;
        return k % LANES * classBytes(type, cols) + (whole ? register / 2 * STEP + register % 2 * REGISTER : wholeSteps(type, cols) * STEP);
    }

    private static long classBytes(HostMatrix.Type type, int cols) {
        return (wholeSteps(type, cols) + (hasRest(type, cols) ? 1 : 0)) * STEP;
    }

    private static int wholeSteps(HostMatrix.Type type, int cols) {
        return type == HostMatrix.Type.BF16 ? cols / (2 * LANES) : (cols / LANES + 1) / 2;
    }

    private static boolean hasRest(HostMatrix.Type type, int cols) {
        return cols % (type == HostMatrix.Type.BF16 ? 2 * LANES : LANES) != 0;
    }

    /** Takes weights of up to {@link #ROWS} rows apart, from row {@code first}: [row, step, half, class] in fp32. */
    void unpack(int first, int rows) {
        long stride = (long) cols * type.bytes();
        for (int k = 0; k < rows; k++) {
            long from = weights + (first + k) * stride;
            long to = unpacked + k * ROW;
            if (type == HostMatrix.Type.BF16) {
                unpackBf16(from, steps, rest ? cols / 2 % LANES : 0, to);
            } else {
                unpackFp32(from, cols / LANES, cols % LANES, to);
            }
        }
    }

    private static void unpackBf16(long from, int steps, int last, long to) {
        for (long p = from, q = to, end = from + steps * REGISTER; p != end; p += REGISTER, q += STEP) {
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, p, ORDER);
            v.lanewise(LSHL, 16).intoMemorySegment(MEMORY, q, ORDER);
            v.lanewise(AND, 0xFFFF0000).intoMemorySegment(MEMORY, q + REGISTER, ORDER);
        }
        if (last != 0) {
            VectorMask<Integer> m = I.indexInRange(0, last);
            IntVector v = IntVector.fromMemorySegment(I, MEMORY, from + steps * REGISTER, ORDER, m);
            v.lanewise(LSHL, 16).intoMemorySegment(MEMORY, to + steps * STEP, ORDER);
            v.lanewise(AND, 0xFFFF0000).intoMemorySegment(MEMORY, to + steps * STEP + REGISTER, ORDER);
        }
    }

    private static void unpackFp32(long from, int registers, int last, long to) {
        long q = to;
        for (long p = from, end = from + registers * REGISTER; p != end; p += REGISTER, q += REGISTER) {
            FloatVector.fromMemorySegment(F, MEMORY, p, ORDER).intoMemorySegment(MEMORY, q, ORDER);
        }
        if (registers % 2 != 0) {
            FloatVector.zero(F).intoMemorySegment(MEMORY, q, ORDER);
            q += REGISTER;
        }
        if (last != 0) {
            FloatVector.fromMemorySegment(F, MEMORY, from + registers * REGISTER, ORDER, F.indexInRange(0, last)).intoMemorySegment(MEMORY, q, ORDER);
            FloatVector.zero(F).intoMemorySegment(MEMORY, q + REGISTER, ORDER);
        }
    }

    /** Multiplies the unpacked rows with a register of vectors, laid out at {@code x}; {@link #sum} has the results. */
    void multiply(long x) {
        long classBytes = (steps + (rest ? 1 : 0)) * STEP;
        for (int c = 0; c < LANES; c++) {
            long w = unpacked + (long) Float.BYTES * c;
            int at = c * ROWS * LANES;
            sumClass(w, w + steps * STEP, x + c * classBytes - w, classes, at);
            if (rest) {
                addRest(w + steps * STEP, x + c * classBytes + steps * STEP, classes, at);
            }
        }
        // As Lanes adds them.
        for (int half = LANES / 2; half >= 4; half /= 2) {
            addTo(classes, 0, half * ROWS * LANES, half * ROWS * LANES);
        }
        addTo(classes, 0, 2 * ROWS * LANES, 2 * ROWS * LANES);
        addTo(classes, 0, ROWS * LANES, ROWS * LANES);
    }

    /** The result of the k-th unpacked row with the i-th of the vectors. */
    float sum(int k, int i) {
        return classes[k * LANES + i];
    }

    /** The sums of one class for eight rows; {@code toX} leads from its weights to the vectors' elements. */
    private static void sumClass(long w, long end, long toX, float[] sums, int at) {
        FloatVector a0 = FloatVector.zero(F);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector a4 = a0;
        FloatVector a5 = a0;
        FloatVector a6 = a0;
        FloatVector a7 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        FloatVector b4 = a0;
        FloatVector b5 = a0;
        FloatVector b6 = a0;
        FloatVector b7 = a0;
        for (long p = w; p != end; p += STEP) {
            FloatVector x = FloatVector.fromMemorySegment(F, MEMORY, p + toX, ORDER);
            a0 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p)), a0);
            a1 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + ROW)), a1);
            a2 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 2 * ROW)), a2);
            a3 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 3 * ROW)), a3);
            a4 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 4 * ROW)), a4);
            a5 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 5 * ROW)), a5);
            a6 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 6 * ROW)), a6);
            a7 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + 7 * ROW)), a7);
            x = FloatVector.fromMemorySegment(F, MEMORY, p + toX + REGISTER, ORDER);
            b0 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER)), b0);
            b1 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + ROW)), b1);
            b2 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 2 * ROW)), b2);
            b3 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 3 * ROW)), b3);
            b4 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 4 * ROW)), b4);
            b5 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 5 * ROW)), b5);
            b6 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 6 * ROW)), b6);
            b7 = x.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, p + REGISTER + 7 * ROW)), b7);
        }
        a0.add(b0).intoArray(sums, at);
        a1.add(b1).intoArray(sums, at + LANES);
        a2.add(b2).intoArray(sums, at + 2 * LANES);
        a3.add(b3).intoArray(sums, at + 3 * LANES);
        a4.add(b4).intoArray(sums, at + 4 * LANES);
        a5.add(b5).intoArray(sums, at + 5 * LANES);
        a6.add(b6).intoArray(sums, at + 6 * LANES);
        a7.add(b7).intoArray(sums, at + 7 * LANES);
    }

    /** Adds the products of the last step, which is not whole, to the sums of a class. */
    private static void addRest(long w, long x, float[] sums, int at) {
        FloatVector even = FloatVector.fromMemorySegment(F, MEMORY, x, ORDER);
        FloatVector odd = FloatVector.fromMemorySegment(F, MEMORY, x + REGISTER, ORDER);
        for (int k = 0; k < ROWS; k++) {
            FloatVector a = FloatVector.fromArray(F, sums, at + k * LANES);
            a = even.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, w + k * ROW)), a);
            a = odd.fma(FloatVector.broadcast(F, MEMORY.get(ValueLayout.JAVA_FLOAT, w + k * ROW + REGISTER)), a);
            a.intoArray(sums, at + k * LANES);
        }
    }

    private static void addTo(float[] sums, int to, int from, int n) {
        for (int i = 0; i < n; i += LANES) {
            FloatVector.fromArray(F, sums, to + i).add(FloatVector.fromArray(F, sums, from + i)).intoArray(sums, to + i);
        }
    }

    int rows() {
        return ROWS;
    }

    @Override
    public void close() {
        arena.close();
    }
}
