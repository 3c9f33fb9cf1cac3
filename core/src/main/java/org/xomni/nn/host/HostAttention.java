package org.xomni.nn.host;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Tensors;

/**
 * {@code softmax(q k^T / sqrt(K)) v} of one query over the first T positions of one group of a cache. An instance is used by one thread.
 *
 * <p>Keys and values are [.., T, K], fp32 or bf16; the arithmetic is fp32.
 */
public final class HostAttention {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private final int width;
    private final float scale;
    /** A power of two, so that it has whole registers. */
    private float[] scores = new float[256];
    private final float[] query;
    private final float[] sum;
    private final float[] lanes = new float[LANES];

    /**
     * @param width K
     */
    public HostAttention(int width) {
        this.width = width;
        this.scale = (float) (1 / Math.sqrt(width));
        this.query = new float[width];
        this.sum = new float[width];
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
        for (int i = 0; i < width; i++) {
            float value = vector.get(row, from + i);
            if (bf16) {
                cache_TK.setAtIndex(ValueLayout.JAVA_SHORT, position * width + i, toBfloat16(value));
            } else {
                cache_TK.setAtIndex(ValueLayout.JAVA_FLOAT, position * width + i, value);
            }
        }
    }

    /** Rounds to nearest, ties to even. */
    private static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
    }

    /** Whether a cache is held in bf16; else it is fp32. */
    public static boolean isBfloat16(Tensor cache) {
        return cache.scalar_type().intern() == ScalarType.BFloat16;
    }

    /**
     * @param q the query is {@code q[row, from .. from+K-1]}
     * @param positions T
     * @param out receives K values at {@code out[row, from]}
     */
    public void attend(HostVector q, int row, int from, MemorySegment keys_TK, MemorySegment values_TK, boolean bf16, int positions, HostVector out) {
        while (scores.length < positions) {
            scores = new float[2 * scores.length];
        }
        for (int i = 0; i < width; i++) {
            query[place(i, bf16)] = q.get(row, from + i) * scale;
        }
        long keys = keys_TK.address();
        long values = values_TK.address();
        long stride = (long) width * (bf16 ? Short.BYTES : Float.BYTES);
        float max = Float.NEGATIVE_INFINITY;
        for (int t = 0; t < positions; t++) {
            scores[t] = bf16 ? dotBfloat16(keys + t * stride) : dot(keys + t * stride);
            max = Math.max(max, scores[t]);
        }
        Exponential.shifted(scores, positions, max);
        float total = 0;
        for (int t = 0; t < positions; t++) {
            total += scores[t];
        }
        int i = 0;
        for (; i + 2 * LANES <= width; i += 2 * LANES) {
            if (bf16) {
                weighBfloat16(values + (long) Short.BYTES * i, stride, positions, i);
            } else {
                weigh(values + (long) Float.BYTES * i, stride, positions, i);
            }
        }
        for (; i < width; i++) {
            sum[i] = weighOne(values, stride, bf16, positions, i);
        }
        for (int k = 0; k < width; k++) {
            out.set(row, from + k, sum[place(k, bf16)] / total);
        }
    }

    /**
     * Where element i stands in a register-wise copy: as it is for fp32. Of bf16 a register holds two registers' worth; these stand as all even
     * elements and then the odd ones, as {@link Dot} takes them apart.
     */
    private int place(int i, boolean bf16) {
        int first = i / (2 * LANES) * (2 * LANES);
        int within = i - first;
        return bf16 && first + 2 * LANES <= width ? first + within / 2 + within % 2 * LANES : i;
    }

    private float dot(long key) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        int i = 0;
        for (; i + 2 * LANES <= width; i += 2 * LANES) {
            a = FloatVector.fromArray(F, query, i).fma(FloatVector.fromMemorySegment(F, Dot.MEMORY, key + 4L * i, ORDER), a);
            b = FloatVector.fromArray(F, query, i + LANES)
                    .fma(FloatVector.fromMemorySegment(F, Dot.MEMORY, key + 4L * (i + LANES), ORDER), b);
        }
        a.add(b).intoArray(lanes, 0);
        float sum = Lanes.sum(lanes, LANES);
        for (; i < width; i++) {
            sum += query[i] * Dot.MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, key + 4L * i);
        }
        return sum;
    }

    private float dotBfloat16(long key) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        int i = 0;
        for (; i + 2 * LANES <= width; i += 2 * LANES) {
            IntVector pairs = IntVector.fromMemorySegment(I, Dot.MEMORY, key + 2L * i, ORDER);
            a = FloatVector.fromArray(F, query, i).fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a);
            b = FloatVector.fromArray(F, query, i + LANES).fma(pairs.lanewise(VectorOperators.AND, 0xFFFF0000).reinterpretAsFloats(), b);
        }
        a.add(b).intoArray(lanes, 0);
        float sum = Lanes.sum(lanes, LANES);
        for (; i < width; i++) {
            sum += query[i] * Float.intBitsToFloat(Dot.MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, key + 2L * i) << 16);
        }
        return sum;
    }

    /** {@code sum[i .. i + 2 LANES)} over all positions, kept in registers. */
    private void weigh(long value, long stride, int positions, int i) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        for (int t = 0; t < positions; t++) {
            FloatVector score = FloatVector.broadcast(F, scores[t]);
            long at = value + t * stride;
            a = score.fma(FloatVector.fromMemorySegment(F, Dot.MEMORY, at, ORDER), a);
            b = score.fma(FloatVector.fromMemorySegment(F, Dot.MEMORY, at + F.vectorByteSize(), ORDER), b);
        }
        a.intoArray(sum, i);
        b.intoArray(sum, i + LANES);
    }

    private void weighBfloat16(long value, long stride, int positions, int i) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        for (int t = 0; t < positions; t++) {
            FloatVector score = FloatVector.broadcast(F, scores[t]);
            long at = value + t * stride;
            IntVector pairs = IntVector.fromMemorySegment(I, Dot.MEMORY, at, ORDER);
            a = score.fma(pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), a);
            b = score.fma(pairs.lanewise(VectorOperators.AND, 0xFFFF0000).reinterpretAsFloats(), b);
        }
        a.intoArray(sum, i);
        b.intoArray(sum, i + LANES);
    }

    private float weighOne(long values, long stride, boolean bf16, int positions, int i) {
        float total = 0;
        for (int t = 0; t < positions; t++) {
            long at = values + t * stride;
            float value = bf16
                    ? Float.intBitsToFloat(Dot.MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2L * i) << 16)
                    : Dot.MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * i);
            total += scores[t] * value;
        }
        return total;
    }
}
