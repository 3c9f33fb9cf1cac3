package org.xomni.nn.host;

import static java.util.Objects.requireNonNull;

import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CpuFeatures;

/** Products of bytes by the CPU's instructions for them, which the JVM's vectors do not have ({@link Brgemm}). Sums are 32 bits wide and exact. */
public final class Int8Gemm {
    /** Columns whose products of the largest bytes still fit: 255 * 128 * 65536 is less than 2^31. */
    public static final int MOST_COLUMNS = 1 << 16;

    private static final @Nullable MethodHandle KERNEL = CpuFeatures.int8ByVectors() ? Brgemm.find("PKhPKaPi") : null;

    private Int8Gemm() {}

    /** Whether this CPU has such instructions and libtorch the kernel. */
    public static boolean available() {
        return KERNEL != null;
    }

    /**
     * {@code y[v, r] = sum over k of x[v, k] w[r, k]}.
     *
     * @param x address of unsigned bytes [vectors, depth]
     * @param depth a multiple of 4
     * @param w address of signed bytes [depth / 4, height, 4]
     * @param height rows of the matrix that are packed together
     * @param rows of these that are multiplied, the first ones from {@code w} on
     * @param y address of 32-bit results [vectors, stride]
     */
    static void multiply(long x, int vectors, int depth, long w, int height, int rows, long y, int stride) {
        try {
            requireNonNull(KERNEL).invokeExact((long) vectors, (long) rows, (long) depth, (long) depth, (long) height, (long) stride, false, x, w, y, true);
        } catch (Throwable e) {
            throw new IllegalStateException("the kernel for int8 cannot be called", e);
        }
    }
}
