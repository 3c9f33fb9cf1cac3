package org.xomni.nn.host;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Engine;

/**
 * oneDNN's kernels for small matrices, as libtorch exports them ({@code at::native::cpublas::brgemm}). They are no part of libtorch's interface: one that is not
 * found is null.
 */
final class Brgemm {
    private static final String PREFIX = "_ZN2at6native7cpublas6brgemmEllllllb";

    /** By these users keep oneDNN from instructions that the CPU has; a kernel that needs them would then end the JVM. */
    private static final boolean RESTRICTED = Stream.of("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA").anyMatch(name -> System.getenv(name) != null);

    private Brgemm() {}

    /**
     * A kernel {@code C = A B}. It is generated once in each thread for each combination of numbers.
     *
     * @param types the mangled types of A, B and C
     * @return takes rows of C, columns of C, columns of A, the strides of A, B and C, whether to add to C, the addresses of A, B and C, whether B is laid out for
     *     dot products
     */
    static @Nullable MethodHandle find(String types) {
        if (RESTRICTED) {
            return null;
        }
        Engine.start();
        ValueLayout.OfLong number = ValueLayout.JAVA_LONG;
        FunctionDescriptor type = FunctionDescriptor.ofVoid(
                number, number, number, number, number, number, ValueLayout.JAVA_BOOLEAN, number, number, number, ValueLayout.JAVA_BOOLEAN);
        // All but the first calls take microseconds: no thread is held up that waits for all to stop.
        return SymbolLookup.loaderLookup()
                .find(PREFIX + types + "b")
                .map(function -> Linker.nativeLinker().downcallHandle(function, type, Linker.Option.critical(false)))
                .orElse(null);
    }
}
