package org.xomni.nn.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Tensors;

/**
 * {@code softmax(q k^T / sqrt(K)) v} of the queries of one group over the first T positions of its cache. An instance is used by one thread.
 *
 * <p>Keys and values are [.., T, K], fp32 or bf16; the arithmetic is fp32.
 */
public final class HostAttention {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** Queries that are answered together: keys and values are loaded and taken apart once for both. */
    private static final int PAIR = 2;

    /** Positions whose scores are added up together. */
    private static final int TOGETHER = 16;

    private final int width;
    private final float scale;
    private final One[] pair;
    /** Where an element of a query stands in its copy, for keys in fp32. */
    private final int[] placesOfFp32;
    /** The same for keys in bf16. */
    private final int[] placesOfBf16;

    /** One query's vectors. */
    private static final class One {
        private final float[] query;
        /** A power of two, so that it has whole registers. */
        private float[] scores = new float[256];
        private final float[] partial = new float[TOGETHER * LANES];
        private final float[] sums = new float[TOGETHER];
        private final float[] out;
        private float total;

        One(int width) {
            query = new float[width];
            out = new float[width];
        }
    }

    /**
     * @param width K
     */
    public HostAttention(int width) {
        this.width = width;
        this.scale = (float) (1 / Math.sqrt(width));
        this.placesOfFp32 = IntStream.range(0, width).toArray();
        this.placesOfBf16 = IntStream.range(0, width).map(i -> place(i, width)).toArray();
        this.pair = new One[] {new One(width), new One(width)};
    }

    /** The memory of one group of one slot of a cache [S, G, T, K]. */
    public static MemorySegment group(Tensor cache_SGTK, int slot, int group) {
        long[] shape = Tensors.shape(cache_SGTK);
        long bytes = shape[2] * shape[3] * cache_SGTK.element_size();
        return Tensors.segment(cache_SGTK).asSlice((slot * shape[1] + group) * bytes, bytes);
    }

    /**
     * Stores one vector as a cache holds it.
     *
     * @param position which of the T
     */
    public static void store(MemorySegment cache_TK, boolean bf16, long position, int width, HostVector vector, int row, int from) {
        MemorySegment values = vector.row(row).asSlice((long) Float.BYTES * from, (long) Float.BYTES * width);
        long bytes = (long) width * (bf16 ? Short.BYTES : Float.BYTES);
        MemorySegment place = cache_TK.asSlice(position * bytes, bytes);
        if (bf16) {
            Bfloat16.store(values.address(), width, place.address());
        } else {
            place.copyFrom(values);
        }
    }

    /** Whether a cache is held in bf16; else it is fp32. */
    public static boolean isBfloat16(Tensor cache) {
        return cache.scalar_type().intern() == ScalarType.BFloat16;
    }

    /**
     * Answers the queries of a group.
     *
     * @param q the first query is {@code q[row, from .. from+K-1]}, the others follow
     * @param queries how many
     * @param positions T
     * @param out receives as many values in the same places
     */
    public void attend(
            HostVector q, int row, int from, int queries, MemorySegment keys_TK, MemorySegment values_TK, boolean bf16, int positions, HostVector out) {
        Objects.checkFromToIndex(from, from + queries * width, Math.min(q.size(), out.size()));
        long stride = (long) width * (bf16 ? Short.BYTES : Float.BYTES);
        Objects.checkFromToIndex(0, positions * stride, Math.min(keys_TK.byteSize(), values_TK.byteSize()));
        for (int first = 0; first < queries; first += PAIR) {
            int count = Math.min(PAIR, queries - first);
            for (int i = 0; i < count; i++) {
                take(pair[i], q.address(row, 1) + (long) Float.BYTES * (from + (first + i) * width), bf16, positions);
            }
            // An odd query out is computed twice.
            One one = pair[0];
            One other = pair[count - 1];
            score(one, other, keys_TK.address(), stride, bf16, positions);
            for (int i = 0; i < count; i++) {
                exponentials(pair[i], positions);
            }
            gather(one, other, values_TK.address(), stride, bf16, positions);
            for (int i = 0; i < count; i++) {
                give(pair[i], out.address(row, 1) + (long) Float.BYTES * (from + (first + i) * width), bf16);
            }
        }
    }

    private void take(One one, long query, boolean bf16, int positions) {
        while (one.scores.length < positions) {
            one.scores = new float[2 * one.scores.length];
        }
        int[] places = bf16 ? placesOfBf16 : placesOfFp32;
        for (int i = 0; i < width; i++) {
            one.query[places[i]] = Dot.MEMORY.get(ValueLayout.JAVA_FLOAT, query + (long) Float.BYTES * i) * scale;
        }
    }

    private void give(One one, long out, boolean bf16) {
        int[] places = bf16 ? placesOfBf16 : placesOfFp32;
        float share = 1 / one.total;
        for (int i = 0; i < width; i++) {
            Dot.MEMORY.set(ValueLayout.JAVA_FLOAT, out + (long) Float.BYTES * i, one.out[places[i]] * share);
        }
    }

    /** {@code q k^T} for all positions. */
    private void score(One one, One other, long keys, long stride, boolean bf16, int positions) {
        for (int t = 0; t < positions; t += TOGETHER) {
            int count = Math.min(TOGETHER, positions - t);
            for (int i = 0; i < count; i++) {
                if (bf16) {
                    dotBfloat16(one, other, keys + (t + i) * stride, i * LANES);
                } else {
                    dot(one, other, keys + (t + i) * stride, i * LANES);
                }
            }
            addUp(one, keys + t * stride, stride, bf16, t, count);
            if (one != other) {
                addUp(other, keys + t * stride, stride, bf16, t, count);
            }
        }
    }

    /** The scores of some positions from their sums lane by lane. */
    private void addUp(One one, long key, long stride, boolean bf16, int t, int count) {
        Lanes.sums(one.partial, LANES, 0, count, one.sums);
        for (int i = 0; i < count; i++) {
            float sum = one.sums[i];
            for (int k = width / (2 * LANES) * (2 * LANES); k < width; k++) {
                sum += one.query[k] * element(key + i * stride, bf16, k);
            }
            one.scores[t + i] = sum;
        }
    }

    /** {@code e^(score - max)}, and the sum of these, by which the result is divided. */
    private static void exponentials(One one, int positions) {
        // What fills the last register counts as nothing.
        int filled = F.loopBound(positions + LANES - 1);
        Arrays.fill(one.scores, positions, filled, Float.NEGATIVE_INFINITY);
        FloatVector most = FloatVector.fromArray(F, one.scores, 0);
        for (int t = LANES; t < filled; t += LANES) {
            most = most.max(FloatVector.fromArray(F, one.scores, t));
        }
        one.total = Exponential.shifted(one.scores, positions, most.reduceLanes(VectorOperators.MAX));
    }

    /** {@code e^(score - max) v}. */
    private void gather(One one, One other, long values, long stride, boolean bf16, int positions) {
        int i = 0;
        for (; i + 2 * LANES <= width; i += 2 * LANES) {
            if (bf16) {
                weighBfloat16(one, other, values + (long) Short.BYTES * i, stride, positions, i);
            } else {
                weigh(one, other, values + (long) Float.BYTES * i, stride, positions, i);
            }
        }
        for (; i < width; i++) {
            float a = 0;
            float b = 0;
            for (int t = 0; t < positions; t++) {
                float value = element(values + t * stride, bf16, i);
                a += one.scores[t] * value;
                b += other.scores[t] * value;
            }
            one.out[i] = a;
            other.out[i] = b;
        }
    }

    private static float element(long vector, boolean bf16, int i) {
        return bf16
                ? Float.intBitsToFloat(Dot.MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, vector + 2L * i) << 16)
                : Dot.MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, vector + 4L * i);
    }

    /**
     * Where element i of bf16 stands in a register-wise copy. Of bf16 a register holds two registers' worth; these stand as all even
     * elements and then the odd ones, as {@link Dot} takes them apart.
     */
    private static int place(int i, int width) {
        int first = i / (2 * LANES) * (2 * LANES);
        int within = i - first;
        return first + 2 * LANES <= width ? first + within / 2 + within % 2 * LANES : i;
    }

    private void dot(One one, One other, long key, int at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i + 2 * LANES <= width; i += 2 * LANES) {
            FloatVector k = FloatVector.fromMemorySegment(F, Dot.MEMORY, key + 4L * i, ORDER);
            a = FloatVector.fromArray(F, one.query, i).fma(k, a);
            c = FloatVector.fromArray(F, other.query, i).fma(k, c);
            k = FloatVector.fromMemorySegment(F, Dot.MEMORY, key + 4L * (i + LANES), ORDER);
            b = FloatVector.fromArray(F, one.query, i + LANES).fma(k, b);
            d = FloatVector.fromArray(F, other.query, i + LANES).fma(k, d);
        }
        a.add(b).intoArray(one.partial, at);
        c.add(d).intoArray(other.partial, at);
    }

    private void dotBfloat16(One one, One other, long key, int at) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i + 2 * LANES <= width; i += 2 * LANES) {
            IntVector pairs = IntVector.fromMemorySegment(I, Dot.MEMORY, key + 2L * i, ORDER);
            FloatVector even = pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
            FloatVector odd = pairs.lanewise(VectorOperators.AND, 0xFFFF0000).reinterpretAsFloats();
            a = FloatVector.fromArray(F, one.query, i).fma(even, a);
            b = FloatVector.fromArray(F, one.query, i + LANES).fma(odd, b);
            c = FloatVector.fromArray(F, other.query, i).fma(even, c);
            d = FloatVector.fromArray(F, other.query, i + LANES).fma(odd, d);
        }
        a.add(b).intoArray(one.partial, at);
        c.add(d).intoArray(other.partial, at);
    }

    /** {@code out[i .. i + 2 LANES)} over all positions, kept in registers. */
    private static void weigh(One one, One other, long value, long stride, int positions, int i) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int t = 0; t < positions; t++) {
            long at = value + t * stride;
            FloatVector low = FloatVector.fromMemorySegment(F, Dot.MEMORY, at, ORDER);
            FloatVector high = FloatVector.fromMemorySegment(F, Dot.MEMORY, at + F.vectorByteSize(), ORDER);
            FloatVector score = FloatVector.broadcast(F, one.scores[t]);
            a = score.fma(low, a);
            b = score.fma(high, b);
            score = FloatVector.broadcast(F, other.scores[t]);
            c = score.fma(low, c);
            d = score.fma(high, d);
        }
        store(a, b, one, i);
        store(c, d, other, i);
    }

    private static void weighBfloat16(One one, One other, long value, long stride, int positions, int i) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int t = 0; t < positions; t++) {
            IntVector pairs = IntVector.fromMemorySegment(I, Dot.MEMORY, value + t * stride, ORDER);
            FloatVector even = pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
            FloatVector odd = pairs.lanewise(VectorOperators.AND, 0xFFFF0000).reinterpretAsFloats();
            FloatVector score = FloatVector.broadcast(F, one.scores[t]);
            a = score.fma(even, a);
            b = score.fma(odd, b);
            score = FloatVector.broadcast(F, other.scores[t]);
            c = score.fma(even, c);
            d = score.fma(odd, d);
        }
        store(a, b, one, i);
        store(c, d, other, i);
    }

    private static void store(FloatVector low, FloatVector high, One one, int i) {
        low.intoArray(one.out, i);
        high.intoArray(one.out, i + LANES);
    }
}
