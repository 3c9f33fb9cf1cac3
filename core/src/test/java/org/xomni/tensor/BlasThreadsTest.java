package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.SymbolLookup;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BlasThreadsTest {
    private static final int SIZE = 700;
    private static final int THREADS = 3;

    private final int before = Engine.threads();

    @BeforeEach
    void shareOut() {
        assumeThat(System.getenv("OPENBLAS_THREAD_TIMEOUT")).as("OpenBLAS keeps its own threads where the user says how long they wait").isNull();
        Engine.start();
        assumeThat(SymbolLookup.loaderLookup().find("openblas_set_threads_callback_function")).as("libtorch multiplies by OpenBLAS").isPresent();
        Engine.threads(THREADS);
    }

    @AfterEach
    void restore() {
        Engine.threads(before);
    }

    @Test
    void theyDoTheirPartOfAProduct() {
        product(0);
        long start = cpuNanos("xomni-blas-1");
        product(1);
        assertThat(cpuNanos("xomni-blas-1")).as("CPU time of a thread that OpenBLAS's products are shared out to").isGreaterThan(start);
    }

    @Test
    void productsOfSeveralCallersAreThoseOfOneThread() throws Exception {
        List<float[]> expected = IntStream.range(0, 4).mapToObj(i -> Engine.alone(() -> product(i))).toList();
        try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
            for (int round = 0; round < 8; round++) {
                List<Future<float[]>> products = callers.invokeAll(IntStream.range(0, 4).<Callable<float[]>>mapToObj(i -> () -> product(i)).toList());
                for (int i = 0; i < 4; i++) {
                    float[] got = products.get(i).get();
                    float[] want = expected.get(i);
                    double worst = IntStream.range(0, got.length).mapToDouble(k -> Math.abs(got[k] - want[k])).max().orElseThrow();
                    assertThat(worst).as("product %d of round %d", i, round).isLessThan(1e-3);
                }
            }
        }
    }

    /** x x^T of numbers that follow from the seed. */
    private static float[] product(long seed) {
        Engine.start();
        try (Scope scope = Scope.inference()) {
            Tensor x = torch.arange(new Scalar(SIZE * SIZE)).add(new Scalar(seed)).sin().view(SIZE, SIZE);
            return Tensors.floats(x.matmul(x.t()));
        }
    }

    private static long cpuNanos(String thread) {
        long id = Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().equals(thread)).findFirst().orElseThrow().threadId();
        return ManagementFactory.getThreadMXBean().getThreadCpuTime(id);
    }
}
