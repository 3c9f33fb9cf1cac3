package org.xomni.nn.host;

import static java.util.Objects.requireNonNull;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.CpuFeatures;
import org.xomni.tensor.Engine;

/**
 * Products of bf16 matrices by the CPU's instructions for them, which the JVM's vectors do not have: oneDNN's kernel as libtorch exports it
 * ({@code at::native::cpublas::brgemm}). Sums are fp32. It is no part of libtorch's interface: where it is not found, {@link #available} is false.
 */
final class Bf16Gemm {
    private static final String NAME = "_ZN2at6native7cpublas6brgemmEllllllbPKN3c108BFloat16ES5_Pfb";
    /** Vectors come in multiples of a register's lanes. */
    private static final int LANES = 16;

    private static final @Nullable MethodHandle KERNEL = CpuFeatures.bfloat16ByVectors() ? kernel() : null;

    private Bf16Gemm() {}

    static boolean available() {
        return KERNEL != null;
    }

    /** How many vectors are multiplied where {@code batch} are asked for; what the others hold does not matter. */
    static int padded(int batch) {
        return (batch + LANES - 1) / LANES * LANES;
    }

    /**
     * {@code y[r, v] = sum over k of w[r, k] x[k, v]}.
     *
     * @param w address of bf16 weights [rows, depth]
     * @param depth even
     * @param x address of bf16 vectors [depth / 2, vectors, 2]: elements 2i and 2i + 1 of a vector are neighbours
     * @param vectors a multiple of 16
     * @param y address of fp32 results [rows, vectors]
     */
    static void multiply(long w, int rows, int depth, long x, int vectors, long y) {
        try {
            requireNonNull(KERNEL).invokeExact((long) rows, (long) vectors, (long) depth, (long) depth, (long) vectors, (long) vectors, false, w, x, y, true);
        } catch (Throwable e) {
            throw new IllegalStateException("the kernel for bf16 cannot be called", e);
        }
    }

    private static @Nullable MethodHandle kernel() {
        Engine.start();
        ValueLayout.OfLong number = ValueLayout.JAVA_LONG;
        FunctionDescriptor type = FunctionDescriptor.ofVoid(
                number, number, number, number, number, number, ValueLayout.JAVA_BOOLEAN, number, number, number, ValueLayout.JAVA_BOOLEAN);
        // Calls take microseconds: no thread is held up that waits for all to stop.
        return SymbolLookup.loaderLookup().find(NAME).map(function -> Linker.nativeLinker().downcallHandle(function, type, Linker.Option.critical(false))).orElse(null);
    }
}
