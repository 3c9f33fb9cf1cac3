package org.xomni.tensor;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Memory for weights that decoding streams through. */
public final class HugePages {
    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");
    private static final long HUGE_PAGE = 2 << 20;
    /** Linux's MADV_COLLAPSE. */
    private static final int COLLAPSE = 25;

    private HugePages() {}

    /**
     * An int8 tensor of zeros for weights that are read again and again: it begins with a huge page, so that {@link #gather} finds as many as it can.
     */
    public static Tensor zeros(long... shape) {
        long bytes = Arrays.stream(shape).reduce(1, Math::multiplyExact);
        Tensor all = torch.zeros(new long[] {bytes < HUGE_PAGE ? bytes : bytes + HUGE_PAGE}, new TensorOptions(ScalarType.Char));
        long skip = bytes < HUGE_PAGE ? 0 : Math.floorMod(-Tensors.segment(all).address(), HUGE_PAGE);
        return all.narrow(0, skip, bytes).view(shape);
    }

    /**
     * Gathers the memory of a tensor into huge pages, where the system does that on demand (Linux 6.1). What malloc gives may have been touched before in
     * small pages, and reading through these is slower (docs/log.md).
     *
     * @param tensor on the CPU, contiguous
     * @return {@code tensor}
     */
    public static Tensor gather(Tensor tensor) {
        MemorySegment memory = Tensors.segment(tensor);
        long from = memory.address() + Math.floorMod(-memory.address(), HUGE_PAGE);
        long bytes = memory.address() + memory.byteSize() - from;
        if (LINUX && bytes >= HUGE_PAGE) {
            var linker = Linker.nativeLinker();
            linker.defaultLookup().find("madvise").ifPresent(madvise -> {
                try {
                    var handle = linker.downcallHandle(
                            madvise, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
                    // Advice only: an older system refuses it, and nothing is lost.
                    int unused = (int) handle.invokeExact(from, bytes / HUGE_PAGE * HUGE_PAGE, COLLAPSE);
                } catch (Throwable e) {
                    throw new IllegalStateException("cannot give advice on memory", e);
                }
            });
        }
        return tensor;
    }
}
