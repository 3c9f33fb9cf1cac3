package org.xomni.nn.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.nn.Int8Lanes;
import org.xomni.nn.Int8Panels;
import org.xomni.nn.Linear;
import org.xomni.nn.PackedInt8;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class HostUnpackingTest {
    @ParameterizedTest
    @CsvSource({"1,1", "3,31", "4,32", "5,33", "9,100", "64,256", "7,2048", "10,2049", "6,5000", "65,130", "130,129"})
    void equalsWhatLibtorchComputesToTheBit(int rows, int columns) {
        try (Scope scope = Scope.inference(); Randomness randomness = new Randomness(columns)) {
            Tensor weight = Tensors.normal(randomness, rows, columns);
            Tensor scale = weight.abs().amax(new long[] {1}, true).div(new Scalar(127));
            for (PackedInt8 packed : List.of(Int8Lanes.pack(weight, scale, Supplier::get), Int8Panels.pack(weight, scale, Supplier::get))) {
                Linear.Int8 layer = new Linear.Int8(packed, scale, null, rows, columns);
                Tensor expected = layer.dequantised();
                for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
                    Tensor actual = HostUnpacking.weight(layer, type);
                    assertThat(actual.scalar_type().intern()).isEqualTo(type);
                    assertThat(torch.equal(actual, expected.to(type))).as("%s, %s [%d, %d]", packed.getClass(), type, rows, columns).isTrue();
                }
            }
        }
    }
}
