package org.xomni.nn.host;

/**
 * Whether this JVM can run the kernels of this package. They need the module {@code jdk.incubator.vector}, which a program that embeds
 * xomni gets only by starting with {@code --add-modules jdk.incubator.vector}; without it callers use libtorch. This class links to nothing
 * of that module, so that asking is always safe.
 */
public final class HostKernels {
    private static final boolean AVAILABLE =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

    private HostKernels() {}

    /** True if {@link HostMatrix} works here. */
    public static boolean available() {
        return AVAILABLE;
    }
}
