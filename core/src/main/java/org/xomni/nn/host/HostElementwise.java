package org.xomni.nn.host;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/** What stands between the products of a block, for single rows of vectors. */
public final class HostElementwise {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment MEMORY = Dot.MEMORY;

    private HostElementwise() {}

    /** {@code x += y}, elements from..to-1 of a row. */
    public static void add(HostVector x, HostVector y, int row, int from, int to) {
        Objects.checkFromToIndex(from, to, Math.min(x.size(), y.size()));
        long a = x.address(row, 1);
        long b = y.address(row, 1);
        for (int i = from; i < to; i += LANES) {
            VectorMask<Float> m = F.indexInRange(i, to);
            long at = (long) Float.BYTES * i;
            load(a + at, m).add(load(b + at, m)).intoMemorySegment(MEMORY, a + at, ORDER, m);
        }
    }

    /** {@code x += y}, elements from..to-1 of a row. */
    static void add(HostVector x, float[] y, int row, int from, int to) {
        long a = x.address(row, 1);
        for (int i = from; i < to; i += LANES) {
            VectorMask<Float> m = F.indexInRange(i, to);
            long at = a + (long) Float.BYTES * i;
            load(at, m).add(FloatVector.fromArray(F, y, i, m)).intoMemorySegment(MEMORY, at, ORDER, m);
        }
    }

    /** {@code normed = x / sqrt(mean(x^2) + eps) * weight}, a row as long as {@code weight}. */
    public static void normalise(HostVector x, int row, float[] weight, double eps, HostVector normed) {
        Objects.checkFromToIndex(0, weight.length, Math.min(x.size(), normed.size()));
        long from = x.address(row, 1);
        long to = normed.address(row, 1);
        FloatVector squares = FloatVector.zero(F);
        for (int i = 0; i < weight.length; i += LANES) {
            FloatVector v = load(from + (long) Float.BYTES * i, F.indexInRange(i, weight.length));
            squares = v.fma(v, squares);
        }
        float[] lanes = squares.toArray();
        float scale = (float) (1 / Math.sqrt((double) Lanes.sum(lanes, LANES) / weight.length + eps));
        for (int i = 0; i < weight.length; i += LANES) {
            VectorMask<Float> m = F.indexInRange(i, weight.length);
            load(from + (long) Float.BYTES * i, m)
                    .mul(scale)
                    .mul(FloatVector.fromArray(F, weight, i, m))
                    .intoMemorySegment(MEMORY, to + (long) Float.BYTES * i, ORDER, m);
        }
    }

    /**
     * Rotates a head of a row by its position: of each pair {@code (x[i], x[i + K/2])} the first becomes {@code x[i] cos - x[i + K/2] sin}, the second
     * {@code x[i + K/2] cos + x[i] sin}.
     *
     * @param from the head's first element
     * @param half K / 2
     * @param cos_TK fp32 [T, K / 2], like {@code sin_TK}
     */
    public static void turn(HostVector x, int row, int from, int half, MemorySegment cos_TK, MemorySegment sin_TK, int position) {
        Objects.checkFromToIndex(from, from + 2 * half, x.size());
        Objects.checkFromToIndex((long) position * half * Float.BYTES, (position + 1L) * half * Float.BYTES, Math.min(cos_TK.byteSize(), sin_TK.byteSize()));
        long re = x.address(row, 1) + (long) Float.BYTES * from;
        long im = re + (long) Float.BYTES * half;
        long cos = cos_TK.address() + (long) position * half * Float.BYTES;
        long sin = sin_TK.address() + (long) position * half * Float.BYTES;
        for (int i = 0; i < half; i += LANES) {
            VectorMask<Float> m = F.indexInRange(i, half);
            long at = (long) Float.BYTES * i;
            FloatVector a = load(re + at, m);
            FloatVector b = load(im + at, m);
            FloatVector c = load(cos + at, m);
            FloatVector s = load(sin + at, m);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(MEMORY, re + at, ORDER, m);
            b.mul(c).add(a.mul(s)).intoMemorySegment(MEMORY, im + at, ORDER, m);
        }
    }

    private static FloatVector load(long address, VectorMask<Float> m) {
        return FloatVector.fromMemorySegment(F, MEMORY, address, ORDER, m);
    }
}
