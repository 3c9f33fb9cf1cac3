package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.xomni.nn.Int8Lanes;
import org.xomni.nn.Int8Panels;

/**
 * fp32 vectors [batch, size] in native memory: what a {@link HostMatrix} multiplies and what it writes.
 *
 * <p>A kernel loads two bf16 or four int8 weights as one 32-bit lane and takes them apart by shifts, so that one register holds every
 * second or every fourth weight of a stretch. {@link #prepare} lays a copy of the vector out in the same way, once for all rows of all
 * matrices that are multiplied with it; {@link #round} makes one in bf16, {@link #split} one of bytes.
 */
public final class HostVector implements AutoCloseable {
    /** Also a multiple of the columns that int8 kernels take at once: they read zeros after the last one. */
    private static final int ALIGNMENT = Int8Lanes.COLUMNS * Float.BYTES;

    private final int batch;
    private final int size;
    private final long stride;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    /** Copies as products with weights read them that come two and four to a lane. */
    private final MemorySegment[] laidOut = {MemorySegment.NULL, MemorySegment.NULL};
    private MemorySegment wide = MemorySegment.NULL;
    private MemorySegment rounded = MemorySegment.NULL;
    private MemorySegment digits = MemorySegment.NULL;
    private final float[] steps;

    /** Zeros; any thread may use them, none after {@link #close}. */
    public HostVector(int batch, int size) {
        if (batch < 1 || size < 1) {
            throw new IllegalArgumentException("a host vector needs a batch and a size of at least 1, not " + batch + " and " + size);
        }
        this.batch = batch;
        this.size = size;
        this.steps = new float[batch];
        this.stride = ((long) size * Float.BYTES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        this.memory = arena.allocate(batch * stride, ALIGNMENT);
    }

    public int batch() {
        return batch;
    }

    /** Elements of one vector. */
    public int size() {
        return size;
    }

    public float get(int row, int i) {
        return memory.get(ValueLayout.JAVA_FLOAT, offset(row, i));
    }

    public void set(int row, int i, float value) {
        memory.set(ValueLayout.JAVA_FLOAT, offset(row, i), value);
    }

    /** The memory of one vector, {@code size} floats. */
    public MemorySegment row(int row) {
        return memory.asSlice(offset(row, 0), (long) size * Float.BYTES);
    }

    /**
     * Lays out what products of the first {@code batch} vectors with matrices of this type read: to be called between writing the vectors and multiplying
     * them.
     */
    void prepare(HostMatrix.Type type, int batch) {
        int registers = WideDot.registers(type, size, batch);
        if (registers > 0) {
            layOut(type, batch, registers);
        }
        int ways = type.ways();
        if (ways == 1) {
            return;
        }
        MemorySegment to = laidOut(ways);
        for (int row = WideDot.vectors(registers); row < batch; row++) {
            if (ways == 2) {
                evenThenOdd(offset(row, 0), to);
            } else {
                interleave(offset(row, 0), to);
            }
        }
    }

    /** Rounds the first {@code batch} vectors to bf16, for {@link Bf16Gemm}. */
    void round(int batch) {
        long bytes = (long) size * batch * Short.BYTES;
        if (rounded.byteSize() < bytes) {
            rounded = arena.allocate(bytes, ALIGNMENT);
        }
        for (int b = 0; b < batch; b++) {
            Bfloat16.store(address(b, 1), size, rounded.address() + (long) b * size * Short.BYTES);
        }
    }

    /** Where {@link #round} has put the first {@code batch}, [batch, size]. */
    long rounded(int batch) {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("the host vector is closed");
        }
        if (rounded.byteSize() < (long) size * batch * Short.BYTES) {
            throw new IllegalStateException("the host vector is not prepared for " + batch + " vectors that are rounded");
        }
        return rounded.address();
    }

    /** Splits the first {@code batch} vectors into {@link Digits}. */
    void split(int batch) {
        long bytes = digitBytes() * Digits.COUNT * batch;
        if (digits.byteSize() < bytes) {
            digits = arena.allocate(bytes, ALIGNMENT);
        }
        for (int b = 0; b < batch; b++) {
            steps[b] = Digits.split(address(b, 1), size, digits.address() + digitBytes() * Digits.COUNT * b, digitBytes());
        }
    }

    /** Where {@link #split} has put the digits of the first {@code batch}, [batch, 3, size], the size padded to a multiple of 4. */
    long digits(int batch) {
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("the host vector is closed");
        }
        if (digits.byteSize() < digitBytes() * Digits.COUNT * batch) {
            throw new IllegalStateException("the host vector is not split for " + batch + " vectors");
        }
        return digits.address();
    }

    /** What a vector's last digit is worth. */
    float step(int row) {
        return steps[row];
    }

    private long digitBytes() {
        return Int8Panels.groups(size) * Int8Panels.COLUMNS;
    }

    /** Registers of vectors, one in each lane, for {@link WideDot}. */
    private void layOut(HostMatrix.Type type, int batch, int registers) {
        long bytes = WideDot.bytes(type, size);
        if (wide.byteSize() < registers * bytes) {
            wide = arena.allocate(registers * bytes, ALIGNMENT);
        }
        int lanes = WideDot.vectors(1);
        for (int register = 0; register < registers; register++) {
            int first = register * lanes;
            int last = Math.min(batch, first + lanes);
            for (int k = 0; k < size; k++) {
                long to = register * bytes + WideDot.place(type, size, k);
                for (int b = first; b < last; b++) {
                    wide.set(ValueLayout.JAVA_FLOAT, to + (long) Float.BYTES * (b - first), memory.get(ValueLayout.JAVA_FLOAT, offset(b, k)));
                }
            }
        }
    }

    /** The address of a register of vectors from the {@code b}-th on, as {@link WideDot} reads them. */
    long laidOut(HostMatrix.Type type, int b) {
        return wide.address() + b / WideDot.vectors(1) * WideDot.bytes(type, size);
    }

    /** For bf16: all even elements, then the odd ones. */
    private void evenThenOdd(long row, MemorySegment to) {
        int odd = Dot.oddFrom(size);
        for (int i = 0; i < size / 2; i++) {
            copy(row, 2 * i, to, i);
            copy(row, 2 * i + 1, to, odd + i);
        }
    }

    /** For int8: in each chunk of 32, every fourth element from the first, from the second, and so on. After the last element are zeros. */
    private void interleave(long row, MemorySegment to) {
        int ways = 4;
        int part = Int8Lanes.COLUMNS / ways;
        for (int chunk = 0; chunk < size; chunk += Int8Lanes.COLUMNS) {
            for (int k = 0; k < ways; k++) {
                for (int i = 0; i < part; i++) {
                    copy(row, chunk + ways * i + k, to, chunk + part * k + i);
                }
            }
        }
    }

    /** Element {@code i} of the row to the place of element {@code k}; what comes after the last one is zero. */
    private void copy(long row, int i, MemorySegment to, int k) {
        to.set(ValueLayout.JAVA_FLOAT, row + (long) Float.BYTES * k, memory.get(ValueLayout.JAVA_FLOAT, row + (long) Float.BYTES * i));
    }

    @Override
    public void close() {
        arena.close();
    }

    /** The address of a vector as laid out for weights that come {@code ways} to a lane. */
    long address(int row, int ways) {
        Objects.checkIndex(row, batch);
        if (!arena.scope().isAlive()) {
            throw new IllegalStateException("the host vector is closed");
        }
        MemorySegment all = ways == 1 ? memory : laidOut[place(ways)];
        if (all.byteSize() == 0) {
            throw new IllegalStateException("the host vector is not prepared for " + ways + " weights to a lane");
        }
        return all.address() + row * stride;
    }

    private MemorySegment laidOut(int ways) {
        if (laidOut[place(ways)].byteSize() == 0) {
            laidOut[place(ways)] = arena.allocate(batch * stride, ALIGNMENT);
        }
        return laidOut[place(ways)];
    }

    private static int place(int ways) {
        return Integer.numberOfTrailingZeros(ways) - 1;
    }

    /** Elements from one vector to the next. */
    long stride() {
        return stride / Float.BYTES;
    }

    private long offset(int row, int i) {
        return row * stride + (long) i * Float.BYTES;
    }
}
