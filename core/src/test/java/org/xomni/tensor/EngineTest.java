package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class EngineTest {
    /** How many threads libtorch's operations use here, and how many OpenBLAS uses for everybody. */
    private static List<Integer> threads() {
        try {
            return List.of(Engine.threads(), (int) Linker.nativeLinker()
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
}
