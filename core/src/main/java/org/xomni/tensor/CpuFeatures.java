package org.xomni.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/** What the CPU can do, as Linux tells it; on other systems nothing special is assumed. */
public final class CpuFeatures {
    private static final Set<String> FLAGS = flags();

    private CpuFeatures() {}

    /** Whether bf16 matrix products run in hardware: without it libtorch's are a hundred times slower than fp32 ones. */
    public static boolean bfloat16() {
        return FLAGS.contains("avx512_bf16") || FLAGS.contains("amx_bf16");
    }

    /** Whether vector instructions multiply bf16, and there are no tiles for it, whose set-up is a state of the thread. */
    public static boolean bfloat16ByVectors() {
        return FLAGS.contains("avx512_bf16") && !FLAGS.contains("amx_bf16");
    }

    /** Whether vector instructions multiply bytes, and there are no tiles for it, whose set-up is a state of the thread. */
    public static boolean int8ByVectors() {
        return FLAGS.contains("avx512_vnni") && !FLAGS.contains("amx_int8");
    }

    static boolean avx512() {
        return FLAGS.contains("avx512f") && FLAGS.contains("avx512bw") && FLAGS.contains("avx512vl");
    }

    private static Set<String> flags() {
        Path cpuinfo = Path.of("/proc/cpuinfo");
        if (!Files.isReadable(cpuinfo)) {
            return Set.of();
        }
        try (var lines = Files.lines(cpuinfo)) {
            return lines.filter(l -> l.startsWith("flags"))
                    .findFirst()
                    .map(l -> Set.of(l.substring(l.indexOf(':') + 1).strip().split("\\s+")))
                    .orElse(Set.of());
        } catch (IOException e) {
            return Set.of();
        }
    }
}
