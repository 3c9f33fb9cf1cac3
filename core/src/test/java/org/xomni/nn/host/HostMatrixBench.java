package org.xomni.nn.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Linear;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;

/**
 * Prints how fast products read their weights from memory, next to plain reading of as many bytes, measured alternately: the best and the
 * median of all products. Arguments: threads (2), then types to measure (all).
 */
final class HostMatrixBench {
    private static final int[][] SHAPES = {{5504, 2048}, {2048, 5504}, {2048, 2048}, {512, 2048}, {16384, 2048}};
    private static final int[][] CACHED = {{256, 256}, {512, 512}, {128, 2048}, {320, 2048}};

    /** Matrices are rotated through so much memory that none is in a cache when its turn comes. */
    private static final long ROTATION = 128L << 20;

    private static final int PRODUCTS = 200;

    private final Team team;
    private final AtomicLong unused = new AtomicLong();

    private HostMatrixBench(Team team) {
        this.team = team;
    }

    public static void main(String[] args) {
        Engine.start();
        int threads = args.length > 0 ? Integer.parseInt(args[0]) : 2;
        List<String> types = Arrays.asList(args).subList(Math.min(1, args.length), args.length);
        try (Team team = new Team(threads)) {
            HostMatrixBench bench = new HostMatrixBench(team);
            for (HostMatrix.Type type : HostMatrix.Type.values()) {
                if (types.isEmpty() || types.contains(type.name())) {
                    for (int[] shape : SHAPES) {
                        bench.measure(type, shape[0], shape[1], ROTATION);
                    }
                    for (int[] shape : CACHED) {
                        bench.measure(type, shape[0], shape[1], 1);
                    }
                }
            }
        }
    }

    private void measure(HostMatrix.Type type, int rows, int cols, long rotation) {
        try (Scope scope = Scope.inference();
                Arena arena = Arena.ofShared();
                HostVector x = new HostVector(1, cols);
                HostVector y = new HostVector(1, rows)) {
            List<HostMatrix> matrices = new ArrayList<>();
            long bytes = (long) rows * cols * type.bytes();
            for (long total = 0; total < rotation; total += bytes) {
                matrices.add(HostMatrix.of(layer(type, rows, cols), arena));
            }
            MemorySegment buffer = arena.allocate(Math.max(bytes, rotation) / 4096 * 4096, 64).fill((byte) 1);
            matrices.getFirst().prepare(x, 1);
            double[] products = new double[PRODUCTS];
            double[] reads = new double[PRODUCTS];
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < PRODUCTS; i++) {
                    HostMatrix matrix = matrices.get(i % matrices.size());
                    products[i] = bytes * 1e9 / product(matrix, x, y);
                    long slices = buffer.byteSize() / bytes;
                    reads[i] = ReadBandwidth.read(team, buffer.address() + i % slices * bytes, bytes / 1024 * 1024, unused);
                }
            }
            Arrays.sort(products);
            Arrays.sort(reads);
            double best = products[PRODUCTS - 1];
            System.out.printf(
                    "%-4s [%5d, %5d] %8.1f us  best %5.1f of %5.1f GB/s (%3.0f%%)  median %5.1f of %5.1f GB/s (%3.0f%%)%n",
                    type,
                    rows,
                    cols,
                    bytes / best * 1e6,
                    best / 1e9,
                    reads[PRODUCTS - 1] / 1e9,
                    100 * best / reads[PRODUCTS - 1],
                    products[PRODUCTS / 2] / 1e9,
                    reads[PRODUCTS / 2] / 1e9,
                    100 * products[PRODUCTS / 2] / reads[PRODUCTS / 2]);
        }
    }

    private long product(HostMatrix matrix, HostVector x, HostVector y) {
        int parts = team.size();
        int rows = matrix.rows();
        long start = System.nanoTime();
        team.run(part -> matrix.multiply(
                x,
                1,
                y,
                Team.from(part, parts, rows, matrix.block()),
                Team.from(part + 1, parts, rows, matrix.block())));
        return System.nanoTime() - start;
    }

    private static Linear layer(HostMatrix.Type type, int rows, int cols) {
        long[] shape = {rows, cols};
        return switch (type) {
            case FP32 -> new Linear.Dense(torch.ones(shape, new TensorOptions(ScalarType.Float)), null);
            case BF16 -> new Linear.Dense(torch.ones(shape, new TensorOptions(ScalarType.BFloat16)), null);
            case INT8 -> {
                Tensor scale = torch.ones(new long[] {rows, 1}, new TensorOptions(ScalarType.Float));
                yield Linear.Int8.of(torch.ones(shape, new TensorOptions(ScalarType.Float)), scale, null);
            }
        };
    }
}
