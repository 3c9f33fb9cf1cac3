package org.xomni.nn.host;

import static java.util.Objects.requireNonNull;

import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CpuFeatures;

/**
 * Products of bf16 matrices by the CPU's instructions for them, which the JVM's vectors do not have ({@link Brgemm}). Sums are fp32.
 */
final class Bf16Gemm {
    private static final @Nullable MethodHandle KERNEL = CpuFeatures.bfloat16ByVectors() ? Brgemm.find("PKN3c108BFloat16ES5_Pf") : null;

    private Bf16Gemm() {}

    static boolean available() {
        return KERNEL != null;
    }

    /**
     * {@code y[v, r] = sum over k of x[v, k] w[k, r]}. How a sum is rounded depends on {@code depth} alone ({@code HostMatrixTest} holds it to that). For each
     * combination of numbers the kernel is generated once in each thread.
     *
     * @param x address of bf16 vectors [vectors, depth]
     * @param depth even
     * @param w address of bf16 weights [depth / 2, height, 2]: elements 2k and 2k + 1 of a row of the matrix are neighbours
     * @param height rows of the matrix that are packed together
     * @param rows of these that are multiplied, the first ones from {@code w} on
     * @param y address of fp32 results
     * @param stride from one result vector to the next, in elements
     */
    static void multiply(long x, int vectors, int depth, long w, int height, int rows, long y, long stride) {
        try {
            requireNonNull(KERNEL).invokeExact((long) vectors, (long) rows, (long) depth, (long) depth, (long) height, stride, false, x, w, y, true);
        } catch (Throwable e) {
            throw new IllegalStateException("the kernel for bf16 cannot be called", e);
        }
    }
}
