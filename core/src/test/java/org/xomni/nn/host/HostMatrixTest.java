package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.bytedeco.pytorch.global.torch.linear;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.xomni.nn.Int8Lanes;
import org.xomni.nn.Int8Panels;
import org.xomni.nn.Linear;
import org.xomni.nn.PackedInt8;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class HostMatrixTest {
    private static final int[][] SHAPES = {
        {1, 1}, {1, 7}, {2, 8}, {3, 15}, {4, 16}, {5, 17}, {6, 31}, {7, 32}, {9, 33}, {13, 63}, {64, 64}, {11, 65}, {33, 129}, {8, 500},
        {130, 1001}, {150, 256}, {10, 2049}, {6, 5000},
    };

    /** How weights are held. */
    private enum Weights {
        FP32,
        BF16,
        INT8_LANES,
        INT8_PANELS;

        void assumeSuitedToThisCpu() {
            assumeTrue(this != INT8_PANELS || Int8Gemm.available());
        }
    }

    @ParameterizedTest
    @EnumSource
    void agreesWithLibtorchForEveryShape(Weights type) {
        type.assumeSuitedToThisCpu();
        for (int[] shape : SHAPES) {
            for (boolean bias : new boolean[] {false, true}) {
                try (Scope scope = Scope.inference()) {
                    Linear layer = layer(type, shape[0], shape[1], bias);
                    Tensor x = normal(3, 2, shape[1]);
                    // Of fp64, so that the difference is this kernel's rounding alone; measured against the sum of absolute products.
                    Tensor exact = reference(layer, x);
                    float[] expected = Tensors.floats(exact);
                    float[] magnitude = Tensors.floats(magnitudes(layer, x));
                    float[] actual = multiply(HostMatrix.of(layer, false, Arena.ofAuto()), x, 2, shape[0]);
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(actual[i])
                                .as("%s [%d, %d] element %d", type, shape[0], shape[1], i)
                                .isCloseTo(expected[i], within(1e-6f * magnitude[i]));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"FP32, false", "BF16, false", "BF16, true", "INT8_LANES, false", "INT8_PANELS, false"})
    void aRowHasTheSameBitsAloneAndInCompanyAndHoweverRowsAreSplit(Weights type, boolean mayRound) {
        type.assumeSuitedToThisCpu();
        for (int[] shape : SHAPES) {
            try (Scope scope = Scope.inference()) {
                HostMatrix matrix = HostMatrix.of(layer(type, shape[0], shape[1], true), mayRound, Arena.ofAuto());
                Tensor all = normal(4, 38, shape[1]);
                // A few; a register full of vectors and some; two registers full, and a third that is not.
                for (int batch : new int[] {5, 18, 38}) {
                    Tensor x = all.narrow(0, 0, batch).contiguous();
                    float[] together = multiply(matrix, x, batch, shape[0]);
                    for (int split = 1; split <= 3; split++) {
                        assertThat(multiply(matrix, x, batch, split)).containsExactly(together);
                    }
                    for (int b = 0; b < batch; b++) {
                        float[] alone = multiply(matrix, x.narrow(0, b, 1).contiguous(), 1, shape[0]);
                        for (int r = 0; r < shape[0]; r++) {
                            assertThat(alone[r]).isEqualTo(together[b * shape[0] + r]);
                        }
                    }
                }
            }
        }
    }

    /** Where the CPU has no such instructions, or rows are too long, nothing is rounded. */
    @Test
    void vectorsAreRoundedLikeShortRowsOfBf16() {
        for (int[] shape : SHAPES) {
            for (int batch : new int[] {1, 8, 17, 38}) {
                try (Scope scope = Scope.inference()) {
                    Linear layer = layer(Weights.BF16, shape[0], shape[1], true);
                    Tensor x = normal(3, batch, shape[1]);
                    HostMatrix matrix = HostMatrix.of(layer, Arena.ofAuto());
                    boolean rounds = Bf16Gemm.available() && shape[1] % 2 == 0 && shape[1] <= 1024;
                    assertThat(matrix.rounds()).isEqualTo(rounds);
                    Tensor read = rounds ? x.to(ScalarType.BFloat16) : x;
                    float[] expected = Tensors.floats(reference(layer, read));
                    float[] magnitude = Tensors.floats(magnitudes(layer, read));
                    float[] actual = multiply(matrix, x, batch, shape[0]);
                    float[] split = multiply(matrix, x, batch, 7);
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(actual[i]).as("[%d, %d] x %d element %d", shape[0], shape[1], batch, i).isCloseTo(expected[i], within(1e-6f * magnitude[i]));
                        assertThat(split[i]).isEqualTo(actual[i]);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void compiledAndInterpretedCodeGiveTheSameBits(Weights type) {
        type.assumeSuitedToThisCpu();
        try (Scope scope = Scope.inference()) {
            HostMatrix matrix = HostMatrix.of(layer(type, 64, 333, true), false, Arena.ofAuto());
            Tensor x = normal(5, 1, 333);
            float[] first = multiply(matrix, x, 1, 64);
            for (int i = 0; i < 3000; i++) {
                assertThat(multiply(matrix, x, 1, 64)).containsExactly(first);
            }
        }
    }

    /** Panels end within a panel of the whole matrix. */
    @ParameterizedTest
    @EnumSource
    void theFirstRowsOfALayerAreMultipliedAlone(Weights type) {
        type.assumeSuitedToThisCpu();
        try (Scope scope = Scope.inference()) {
            Linear layer = layer(type, 200, 96, true);
            Tensor x = normal(5, 3, 96);
            float[] all = multiply(HostMatrix.of(layer, false, Arena.ofAuto()), x, 3, 200);
            float[] first = multiply(HostMatrix.of(layer.firstRows(70), false, Arena.ofAuto()), x, 3, 70);
            for (int b = 0; b < 3; b++) {
                assertThat(Arrays.copyOfRange(first, 70 * b, 70 * b + 70)).containsExactly(Arrays.copyOfRange(all, 200 * b, 200 * b + 70));
            }
        }
    }

    @Test
    void refusesVectorsThatAreNotPrepared() {
        for (Weights type : new Weights[] {Weights.BF16, Weights.INT8_LANES, Weights.INT8_PANELS}) {
            if (type == Weights.INT8_PANELS && !Int8Gemm.available()) {
                continue;
            }
            try (Scope scope = Scope.inference();
                    HostVector x = new HostVector(20, 40);
                    HostVector y = new HostVector(20, 8)) {
                HostMatrix matrix = HostMatrix.of(layer(type, 8, 40, false), false, Arena.ofAuto());
                assertThatThrownBy(() -> matrix.multiply(x, 1, y, 0, 8)).as("%s", type).isInstanceOf(IllegalStateException.class).hasMessageContaining("not");
                if (type == Weights.INT8_PANELS) {
                    matrix.prepare(x, 1);
                    assertThatThrownBy(() -> matrix.multiply(x, 5, y, 0, 8)).isInstanceOf(IllegalStateException.class).hasMessageContaining("5 vectors");
                }
            }
        }
    }

    @Test
    void knowsItsSize() {
        try (Scope scope = Scope.inference()) {
            HostMatrix matrix = HostMatrix.of(layer(Weights.BF16, 6, 10, false), Arena.ofAuto());
            assertThat(matrix.rows()).isEqualTo(6);
            assertThat(matrix.cols()).isEqualTo(10);
            assertThat(matrix.bytes()).isEqualTo(120);
        }
    }

    @Test
    void refusesWhatItCannotRead() {
        try (Scope scope = Scope.inference()) {
            Tensor weight = normal(1, 8, 8);
            assertThatThrownBy(() -> HostMatrix.of(new Linear.Dense(weight.t(), null), Arena.ofAuto())).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> HostMatrix.of(new Linear.Dense(weight.to(ScalarType.Double), null), Arena.ofAuto()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("Double");
        }
    }

    @Test
    void refusesVectorsThatDoNotFit() {
        try (Scope scope = Scope.inference();
                HostVector x = new HostVector(1, 9);
                HostVector y = new HostVector(1, 8)) {
            HostMatrix matrix = HostMatrix.of(layer(Weights.FP32, 8, 8, false), Arena.ofAuto());
            assertThatThrownBy(() -> matrix.multiply(x, 1, y, 0, 8)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> matrix.multiply(y, 2, y, 0, 8)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> matrix.multiply(y, 1, y, 0, 9)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void refusesAClosedVector() {
        try (Scope scope = Scope.inference();
                HostVector y = new HostVector(1, 8)) {
            HostMatrix matrix = HostMatrix.of(layer(Weights.FP32, 8, 8, false), Arena.ofAuto());
            HostVector x = new HostVector(1, 8);
            x.close();
            assertThatThrownBy(() -> matrix.multiply(x, 1, y, 0, 8)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void bandwidthIsThatOfAComputer() {
        try (ReadBandwidth bandwidth = new ReadBandwidth(2)) {
            assertThat(bandwidth.measure()).isBetween(1e8, 1e13);
        }
    }

    /** [batch, rows], computed {@code step} rows at a time. */
    private static float[] multiply(HostMatrix matrix, Tensor x_BC, int batch, int step) {
        try (HostVector x = new HostVector(batch, matrix.cols());
                HostVector y = new HostVector(batch, matrix.rows())) {
            float[] values = Tensors.floats(x_BC);
            for (int b = 0; b < batch; b++) {
                MemorySegment.copy(values, b * matrix.cols(), x.row(b), ValueLayout.JAVA_FLOAT, 0, matrix.cols());
            }
            matrix.prepare(x, batch);
            for (int from = 0; from < matrix.rows(); from += step) {
                matrix.multiply(x, batch, y, from, Math.min(from + step, matrix.rows()));
            }
            float[] out = new float[batch * matrix.rows()];
            for (int b = 0; b < batch; b++) {
                MemorySegment.copy(y.row(b), ValueLayout.JAVA_FLOAT, 0, out, b * matrix.rows(), matrix.rows());
            }
            return out;
        }
    }

    private static Linear layer(Weights type, int rows, int cols, boolean withBias) {
        Tensor weight = normal(1, rows, cols);
        Tensor bias = withBias ? normal(2, rows) : null;
        return switch (type) {
            case FP32 -> new Linear.Dense(weight, bias);
            case BF16 -> new Linear.Dense(weight.to(ScalarType.BFloat16), bias);
            case INT8_LANES, INT8_PANELS -> {
                // Every value of a byte occurs, -128 too.
                Tensor bytes = weight.mul(new Scalar(50)).clamp(scalar(-128), scalar(127));
                Tensor scale = normal(6, rows, 1).abs().mul(new Scalar(0.01)).add(new Scalar(0.001));
                Tensor scaled = bytes.mul(scale);
                PackedInt8 packed = type == Weights.INT8_LANES ? Int8Lanes.pack(scaled, scale, Supplier::get) : Int8Panels.pack(scaled, scale, Supplier::get);
                yield new Linear.Int8(packed, scale, bias, rows, cols);
            }
        };
    }

    private static ScalarOptional scalar(double value) {
        return new ScalarOptional(new Scalar(value));
    }

    private static Tensor weight(Linear layer) {
        return switch (layer) {
            case Linear.Dense dense -> dense.weight().to(ScalarType.Double);
            case Linear.Int8 int8 -> int8.packed().steps(int8.out(), int8.in()).to(ScalarType.Double).mul(int8.scale().to(ScalarType.Double));
            case Linear.Lora lora -> throw new AssertionError(lora);
        };
    }

    private static Tensor bias(Linear layer) {
        Tensor bias =
                switch (layer) {
                    case Linear.Dense dense -> dense.bias();
                    case Linear.Int8 int8 -> int8.bias();
                    case Linear.Lora lora -> throw new AssertionError(lora);
                };
        return bias == null ? Tensors.of(new float[] {0}, 1).to(ScalarType.Double) : bias.to(ScalarType.Double);
    }

    private static Tensor reference(Linear layer, Tensor x) {
        return linear(x.to(ScalarType.Double), weight(layer), Tensors.optional(null)).add(bias(layer));
    }

    private static Tensor magnitudes(Linear layer, Tensor x) {
        return linear(x.to(ScalarType.Double).abs(), weight(layer).abs(), Tensors.optional(null)).add(bias(layer).abs());
    }

    private static Tensor normal(int seed, long... shape) {
        try (Randomness randomness = new Randomness(seed)) {
            return Tensors.normal(randomness, shape);
        }
    }
}
