package org.xomni.nn.host;

import static jdk.incubator.vector.VectorOperators.ADD;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
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
    private static final VectorSpecies<Short> S = VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));
    private static final int LANES = F.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private final int width;
    private final float scale;
    private float[] scores = new float[256];
    private final float[] query;
    private final float[] sum;

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
        if (scores.length < positions) {
            scores = new float[Math.max(positions, 2 * scores.length)];
        }
        for (int i = 0; i < width; i++) {
            query[i] = q.get(row, from + i) * scale;
            sum[i] = 0;
        }
        float max = Float.NEGATIVE_INFINITY;
        for (int t = 0; t < positions; t++) {
            scores[t] = bf16 ? dotBfloat16(keys_TK, 2L * t * width) : dot(keys_TK, 4L * t * width);
            max = Math.max(max, scores[t]);
        }
        float total = 0;
        for (int t = 0; t < positions; t++) {
            scores[t] = (float) Math.exp(scores[t] - max);
            total += scores[t];
        }
        for (int t = 0; t < positions; t++) {
            if (bf16) {
                addBfloat16(scores[t], values_TK, 2L * t * width);
            } else {
                add(scores[t], values_TK, 4L * t * width);
            }
        }
        for (int i = 0; i < width; i++) {
            out.set(row, from + i, sum[i] / total);
        }
    }

    private float dot(MemorySegment keys, long at) {
        FloatVector a = FloatVector.zero(F);
        int i = 0;
        for (; i + LANES <= width; i += LANES) {
            a = FloatVector.fromArray(F, query, i).fma(FloatVector.fromMemorySegment(F, keys, at + 4L * i, ORDER), a);
        }
        float rest = a.reduceLanes(ADD);
        for (; i < width; i++) {
            rest += query[i] * keys.get(ValueLayout.JAVA_FLOAT, at + 4L * i);
        }
        return rest;
    }

    private float dotBfloat16(MemorySegment keys, long at) {
        FloatVector a = FloatVector.zero(F);
        int i = 0;
        for (; i + LANES <= width; i += LANES) {
            a = FloatVector.fromArray(F, query, i).fma(load(keys, at + 2L * i), a);
        }
        float rest = a.reduceLanes(ADD);
        for (; i < width; i++) {
            rest += query[i] * Float.intBitsToFloat(keys.get(ValueLayout.JAVA_SHORT, at + 2L * i) << 16);
        }
        return rest;
    }

    private void add(float weight, MemorySegment values, long at) {
        FloatVector w = FloatVector.broadcast(F, weight);
        int i = 0;
        for (; i + LANES <= width; i += LANES) {
            w.fma(FloatVector.fromMemorySegment(F, values, at + 4L * i, ORDER), FloatVector.fromArray(F, sum, i)).intoArray(sum, i);
        }
        for (; i < width; i++) {
            sum[i] += weight * values.get(ValueLayout.JAVA_FLOAT, at + 4L * i);
        }
    }

    private void addBfloat16(float weight, MemorySegment values, long at) {
        FloatVector w = FloatVector.broadcast(F, weight);
        int i = 0;
        for (; i + LANES <= width; i += LANES) {
            w.fma(load(values, at + 2L * i), FloatVector.fromArray(F, sum, i)).intoArray(sum, i);
        }
        for (; i < width; i++) {
            sum[i] += weight * Float.intBitsToFloat(values.get(ValueLayout.JAVA_SHORT, at + 2L * i) << 16);
        }
    }

    /** bf16 values as floats. */
    private static FloatVector load(MemorySegment memory, long at) {
        IntVector bits = (IntVector) ShortVector.fromMemorySegment(S, memory, at, ORDER).convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
        return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }
}
