package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class EngineTest {
    /** How many threads libtorch's operations use here, and how many OpenBLAS uses for everybody. */
    private static List<Integer> threads() {
        try {
            Engine.start();
            return List.of(torch.get_num_threads(), (int) Linker.nativeLinker()
                    .downcallHandle(SymbolLookup.loaderLookup().findOrThrow("openblas_get_num_threads"), FunctionDescriptor.of(ValueLayout.JAVA_INT))
                    .invokeExact());
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void workAloneUsesOneThreadEverywhereUntilAllSuchWorkIsDone() {
        assumeThat(System.getenv("OPENBLAS_NUM_THREADS")).as("the user's own number wins").isNull();
        assumeThat(Runtime.getRuntime().availableProcessors()).isGreaterThan(1);
        int before = Engine.threads();
        try {
            Engine.threads(2);
            assertThat(threads()).containsExactly(2, 2);
            assertThat(Engine.alone(EngineTest::threads)).containsExactly(1, 1);
            assertThat(threads()).containsExactly(2, 2);
            try (Engine.SteadyBlas steady = new Engine.SteadyBlas()) {
                assertThat(Engine.alone(EngineTest::threads)).containsExactly(1, 1);
                assertThat(threads()).containsExactly(2, 1);
                steady.close();
                assertThat(threads()).containsExactly(2, 2);
            }
            assertThat(threads()).as("closed twice").containsExactly(2, 2);
        } finally {
            Engine.threads(before);
        }
    }

    /** libtorch gives a new thread the number that any other has told it last. */
    @Test
    void aThreadThatBeginsWhileAnotherWorksAloneUsesAllOfThem() throws Exception {
        int before = Engine.threads();
        try (var another = Executors.newSingleThreadExecutor()) {
            Engine.threads(3);
            CountDownLatch begun = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            CompletableFuture<Integer> alone = CompletableFuture.supplyAsync(() -> Engine.alone(() -> {
                begun.countDown();
                try {
                    go.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                return threads().getFirst();
            }), Thread.ofPlatform()::start);
            begun.await();
            assertThat(another.submit(EngineTest::inScope).get()).isEqualTo(3);
            assertThat(another.submit(() -> Engine.threads()).get()).isEqualTo(3);
            Engine.threads(2);
            go.countDown();
            assertThat(alone.join()).isEqualTo(1);
            assertThat(another.submit(EngineTest::inScope).get()).as("the number is the process's").isEqualTo(2);
        } finally {
            Engine.threads(before);
        }
    }

    /** How many threads operations use where tensors are made. */
    private static int inScope() {
        try (Scope scope = Scope.inference()) {
            assertThat(scope).isNotNull();
            return torch.get_num_threads();
        }
    }
}
