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
        int i = 0;
        for (; i + LANES <= width; i += LANES) {
            weigh(values_TK, bf16, i, positions);
        }
        for (; i < width; i++) {
            weighOne(values_TK, bf16, i, positions);
        }
        for (int k = 0; k < width; k++) {
            out.set(row, from + k, sum[k] / total);
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

    /** {@code sum[i..i+LANES)} over all positions, kept in two registers. */
    private void weigh(MemorySegment values, boolean bf16, int i, int positions) {
        FloatVector even = FloatVector.zero(F);
        FloatVector odd = even;
        int t = 0;
        if (bf16) {
            for (; t + 1 < positions; t += 2) {
                even = FloatVector.broadcast(F, scores[t]).fma(load(values, 2L * t * width + 2L * i), even);
                odd = FloatVector.broadcast(F, scores[t + 1]).fma(load(values, 2L * (t + 1) * width + 2L * i), odd);
            }
            if (t < positions) {
                even = FloatVector.broadcast(F, scores[t]).fma(load(values, 2L * t * width + 2L * i), even);
            }
        } else {
            for (; t + 1 < positions; t += 2) {
                even = FloatVector.broadcast(F, scores[t]).fma(FloatVector.fromMemorySegment(F, values, 4L * t * width + 4L * i, ORDER), even);
                odd = FloatVector.broadcast(F, scores[t + 1])
                        .fma(FloatVector.fromMemorySegment(F, values, 4L * (t + 1) * width + 4L * i, ORDER), odd);
            }
            if (t < positions) {
                even = FloatVector.broadcast(F, scores[t]).fma(FloatVector.fromMemorySegment(F, values, 4L * t * width + 4L * i, ORDER), even);
            }
        }
        even.add(odd).intoArray(sum, i);
    }

    private void weighOne(MemorySegment values, boolean bf16, int i, int positions) {
        float total = 0;
        for (int t = 0; t < positions; t++) {
            long at = (long) t * width + i;
            total += scores[t]
                    * (bf16
                            ? Float.intBitsToFloat(values.get(ValueLayout.JAVA_SHORT, 2 * at) << 16)
                            : values.get(ValueLayout.JAVA_FLOAT, 4 * at));
        }
        sum[i] = total;
    }

    /** bf16 values as floats. */
    private static FloatVector load(MemorySegment memory, long at) {
        IntVector bits = (IntVector) ShortVector.fromMemorySegment(S, memory, at, ORDER).convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
        return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }
}
