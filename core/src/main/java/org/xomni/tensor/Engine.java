package org.xomni.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.bytedeco.pytorch.global.torch;

/**
 * Process-wide set-up of libtorch, done once before its first operation. {@link #start()} is called by everything that makes tensors.
 *
 * <p>What is set and why (measured, docs/log.md): OpenBLAS takes AVX-512 Zen machines for Haswell and loses half of its fp32 rate unless told
 * otherwise; waiting OpenMP threads spin, which halves the speed of decoding; huge pages add a tenth. All are environment variables, and the
 * user's own win. OpenBLAS's threads spin as well, so its products are done by others ({@link BlasThreads}).
 *
 * <p>libtorch remembers how many threads its operations use for each thread that calls it, and gives one that is new the number that any other was told last, which may be one
 * that works {@link #alone}. So the number of the process stands here, and every thread tells libtorch when it differs from what it has told last.
 */
public final class Engine {
    /** OpenMP ends the process when the system refuses it a thread. */
    private static final int MOST_THREADS = 256;
    private static final int TRIM_ABOVE = -1;
    private static final int GROW_BY = -2;
    private static final int MAPPED_AT_MOST = -4;
    private static final int ARENAS = -8;
    private static final Blas BLAS = new Blas();
    private static final ThreadLocal<Here> HERE = ThreadLocal.withInitial(Here::new);
    /** How many threads operations use, but for work that is done alone. */
    private static volatile int threads;

    private static final boolean STARTED = initialise();

    /** What libtorch knows of this thread. */
    private static final class Here {
        /** How many threads its operations use. */
        private int told;
        /** How often it is within {@link #alone}. */
        private int alone;

        void tell() {
            int wanted = alone > 0 ? 1 : threads;
            if (told != wanted) {
                // A thread's first question makes libtorch set what any other was told last: it shall not do so after this.
                int unused = torch.get_num_threads();
                torch.set_num_threads(wanted);
                told = wanted;
            }
        }
    }

    private Engine() {}

    /** Loads libtorch, on the first call only, and sees to it that this thread's operations use as many threads as they should. */
    public static void start() {
        if (!STARTED) {
            throw new IllegalStateException("libtorch did not start");
        }
        HERE.get().tell();
    }

    /**
     * Sets how many threads operations use, in the whole process.
     *
     * @param threads at least 1
     * @throws InputException if that is not a sensible number
     */
    public static void threads(int threads) {
        if (threads < 1) {
            throw new InputException("--threads " + threads + " is below 1; give the number of CPU cores to use");
        }
        int most = Math.max(MOST_THREADS, Runtime.getRuntime().availableProcessors());
        if (threads > most) {
            throw new InputException("--threads " + threads + " is above " + most + "; give the number of CPU cores to use");
        }
        Engine.threads = threads;
        start();
        BLAS.threads(threads);
    }

    /**
     * Does work whose operations use one thread. Several threads may do such work at the same time; they do not slow each other down.
     *
     * @return what comes of it
     */
    public static <T> T alone(Supplier<T> work) {
        Here here = HERE.get();
        here.alone++;
        start();
        BLAS.enter();
        try {
            return work.get();
        } finally {
            BLAS.leave();
            here.alone--;
            here.tell();
        }
    }

    /** Until it is closed OpenBLAS uses one thread, whoever works beside: with several it may round differently. */
    public static final class SteadyBlas implements AutoCloseable {
        private final AtomicBoolean open = new AtomicBoolean(true);

        public SteadyBlas() {
            start();
            BLAS.enter();
        }

        @Override
        public void close() {
            if (open.getAndSet(false)) {
                BLAS.leave();
            }
        }
    }

    /**
     * OpenBLAS shares a product out to as many threads as it is told, for all callers together: when operations use one, so shall it, or two callers would take turns.
     */
    private static final class Blas {
        private int threads = Runtime.getRuntime().availableProcessors();
        private int alone;

        synchronized void threads(int count) {
            threads = count;
            if (alone == 0) {
                set(count);
            }
        }

        synchronized void enter() {
            if (alone++ == 0) {
                set(1);
            }
        }

        synchronized void leave() {
            if (--alone == 0) {
                set(threads);
            }
        }

        private static void set(int count) {
            if (System.getenv("OPENBLAS_NUM_THREADS") != null) {
                return;
            }
            SymbolLookup.loaderLookup().find("openblas_set_num_threads").ifPresent(function -> {
                try {
                    Linker.nativeLinker().downcallHandle(function, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT)).invokeExact(count);
                } catch (Throwable e) {
                    throw new IllegalStateException("cannot set the threads of OpenBLAS", e);
                }
            });
        }
    }

    /**
     * Checks that a CUDA device can be used, before libtorch fails on it deep inside a model.
     *
     * @param device {@code cuda} or {@code cuda:i}
     * @throws InputException if this build or this machine does not have it
     */
    static void requireCuda(String device) {
        start();
        int devices = torch.hasCUDA() ? Byte.toUnsignedInt(torch.cuda_device_count()) : 0;
        int index = device.equals("cuda") ? 0 : Integer.parseInt(device.substring("cuda:".length()));
        if (index >= devices) {
            throw new InputException("device '" + device + "' is not there: " + devices + " CUDA devices are usable; use --device cpu, or"
                    + " libtorch's natives for CUDA on a machine with a GPU");
        }
    }

    /** How many threads operations use: as many as were set for the process, or all cores; in work that is done {@link #alone} one. */
    public static int threads() {
        start();
        return HERE.get().told;
    }

    /**
     * Lets the C library keep freed memory instead of handing it back to the system and asking for it again, as it does with large tensors: a step
     * of training frees and makes the same tensors as the one before, and clearing pages took a ninth of it (docs/log.md). For processes that train.
     */
    public static void keepFreedMemory() {
        start();
        option(ARENAS, 1);
        option(MAPPED_AT_MOST, 0);
        option(TRIM_ABOVE, Integer.MAX_VALUE);
        option(GROW_BY, 64 << 20);
    }

    /** glibc's {@code mallopt}; elsewhere nothing. */
    private static void option(int parameter, int value) {
        var linker = Linker.nativeLinker();
        linker.defaultLookup().find("mallopt").ifPresent(mallopt -> {
            try {
                var handle = linker.downcallHandle(
                        mallopt, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
                int unused = (int) handle.invokeExact(parameter, value);
            } catch (Throwable e) {
                throw new IllegalStateException("cannot set option " + parameter + " of malloc", e);
            }
        });
    }

    private static boolean initialise() {
        // Waiting OpenMP threads would spin for milliseconds after each operation, on the cores that our own kernels need.
        prefer("OMP_WAIT_POLICY", "PASSIVE");
        // Huge pages for large tensors: streaming through weights misses the TLB otherwise.
        prefer("THP_MEM_ALLOC_ENABLE", "1");
        if (CpuFeatures.avx512()) {
            prefer("OPENBLAS_CORETYPE", "SKYLAKEX");
        }
        threads = torch.get_num_threads();
        // Whoever has said how long OpenBLAS's own threads shall wait keeps them.
        if (System.getenv("OPENBLAS_THREAD_TIMEOUT") == null) {
            BlasThreads.install();
        }
        return true;
    }

    /** Sets an environment variable of this process, unless the user has. */
    private static void prefer(String name, String value) {
        if (System.getenv(name) != null) {
            return;
        }
        var linker = Linker.nativeLinker();
        var setenv = linker.defaultLookup().find("setenv");
        if (setenv.isEmpty()) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            var handle = linker.downcallHandle(
                    setenv.get(),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
            int unused = (int) handle.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 1);
        } catch (Throwable e) {
            throw new IllegalStateException("cannot set " + name, e);
        }
    }
}
