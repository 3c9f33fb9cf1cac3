package org.xomni.nn;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class Int8LanesTest {

    @ParameterizedTest
    @CsvSource({"1,1", "4,32", "5,33", "7,100", "64,256", "1030,48"})
    void everyWeightIsWithinHalfAStep(int rows, int columns) {
        try (Scope scope = Scope.inference();
                Randomness randomness = new Randomness(3)) {
            Tensor weight = Tensors.normal(randomness, rows, columns);
            Tensor scale = Linear.Int8.scale(weight);

            Tensor packed = Int8Lanes.pack(weight, scale);

            assertThat(packed.size(0) * packed.size(1) * Int8Lanes.ROWS * Int8Lanes.COLUMNS).isEqualTo(packed.numel());
            Tensor steps = Int8Lanes.unpack(packed, rows, columns).sub(weight.div(scale)).abs();
            float[] errors = Tensors.floats(steps);
            assertThat(errors).hasSize(rows * columns);
            float largest = 0;
            for (float error : errors) {
                largest = Math.max(largest, error);
            }
            assertThat(largest).isLessThanOrEqualTo(0.5001f);
        }
    }

    @ParameterizedTest
    @CsvSource({"6,40", "9,64"})
    void whatWasUnpackedPacksToTheSameBytes(int rows, int columns) {
        try (Scope scope = Scope.inference();
                Randomness randomness = new Randomness(4)) {
            Tensor weight = Tensors.normal(randomness, rows, columns).mul(new Scalar(20));
            Tensor one = torch.ones(rows, 1);
            Tensor packed = Int8Lanes.pack(weight, one);

            Tensor again = Int8Lanes.pack(Int8Lanes.unpack(packed, rows, columns), one);

            assertThat(Tensors.ints(again.narrow(0, 0, rows / 4))).containsExactly(Tensors.ints(packed.narrow(0, 0, rows / 4)));
        }
    }
}
