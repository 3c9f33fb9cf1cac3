package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A checkpoint in its own dtype is used where it lies: loading takes no memory. {@code -Dxomni.mapping.megabytes=2048} tries a larger one.
 */
class MappingTest {
    private static final int MEGABYTES = Integer.getInteger("xomni.mapping.megabytes", 300);
    private static final int TENSOR_MEGABYTES = 10;
    private static final long PAGE_BYTES = 4096;

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void loadingTakesNoMemory(DType dtype) throws IOException {
        Path statm = Path.of("/proc/self/statm");
        assumeThat(statm).exists();
        int count = MEGABYTES / TENSOR_MEGABYTES;
        long[] shape = {1024, TENSOR_MEGABYTES * 1024 / dtype.bytes()};
        write(count, dtype, shape);
        Engine.start();

        long before = resident(statm);
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        try (ParameterStore store = ParameterStore.of("large", weights.tensors(), List.of(weights), Numerics.cpu(dtype))) {
            List<Tensor> loaded = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                loaded.add(store.root().matrix("w" + i, shape));
            }
            store.check();
            long after = resident(statm);
            System.err.printf("%d MB of %s: resident %d -> %d MiB%n", MEGABYTES, dtype, before >> 20, after >> 20);
            assertThat(after - before).as("resident bytes for loading " + MEGABYTES + " MB").isLessThan((long) MEGABYTES << 20 >> 4);

            try (Scope scope = Scope.inference()) {
                float[] sums = Tensors.floats(torch.stack(new TensorVector(
                        loaded.stream().map(t -> t.select(0, 0).abs().sum()).toArray(Tensor[]::new))));
                assertThat(sums).containsOnly(sums[0]).doesNotContain(0);
            }
        }
    }

    private void write(int count, DType dtype, long[] shape) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(StoredTensor.byteSize(dtype, shape), 64);
            SplittableRandom random = new SplittableRandom(1);
            // Exponents around 0, so that all numbers are ordinary in both types.
            for (long i = 0; i < bytes.byteSize(); i += 4) {
                bytes.set(ValueLayout.JAVA_INT, i, random.nextInt() & 0x807f_807f | 0x3f00_3f00);
            }
            List<StoredTensor> tensors = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                tensors.add(new StoredTensor("w" + i, dtype, shape, bytes));
            }
            ShardedSafetensors.write(folder, "model", tensors, Long.MAX_VALUE);
        }
    }

    private static long resident(Path statm) throws IOException {
        System.gc();
        return Long.parseLong(Files.readString(statm).split(" ", 3)[1]) * PAGE_BYTES;
    }
}
