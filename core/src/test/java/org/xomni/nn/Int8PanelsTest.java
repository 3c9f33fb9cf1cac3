package org.xomni.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class Int8PanelsTest {

    @ParameterizedTest
    @CsvSource({"1,1", "4,32", "63,33", "64,100", "65,256", "1030,48"})
    void everyWeightIsTheNearestStep(int rows, int columns) {
        try (Scope scope = Scope.inference(); Randomness randomness = new Randomness(3)) {
            Tensor weight = Tensors.normal(randomness, rows, columns);
            Tensor scale = Linear.Int8.scale(weight);
            Tensor steps = Int8Panels.pack(weight, scale, Supplier::get).steps(rows, columns);
            assertThat(torch.equal(steps, weight.div(scale).round())).isTrue();
            assertThat(torch.equal(Int8Panels.pack(steps.mul(scale), scale, Supplier::get).steps(rows, columns), steps)).isTrue();
        }
    }

    @Test
    void theFirstRowsAreThose() {
        try (Scope scope = Scope.inference(); Randomness randomness = new Randomness(4)) {
            Tensor weight = Tensors.normal(randomness, 200, 20);
            Int8Panels panels = Int8Panels.pack(weight, Linear.Int8.scale(weight), Supplier::get);
            Tensor first = panels.firstRows(70).steps(70, 20);
            assertThat(torch.equal(first, panels.steps(200, 20).narrow(0, 0, 70))).isTrue();
        }
    }
}
