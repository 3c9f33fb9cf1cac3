package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class ParameterStoreTest {
    /** Two stores over the same weights: an optimiser's write is seen by both, a gradient only by the one that took part in the loss. */
    @Test
    void aSharedParameterHasTheSameMemoryAndAGradientOfItsOwn() {
        Initializer ones = (name, shape) -> Tensors.of(new float[] {1, 1}, shape);
        try (ParameterStore owner = ParameterStore.trainable("test", Map.of(), ones, Numerics.cpu(DType.FLOAT32)); Scope scope = Scope.plain()) {
            Tensor weight = owner.root().tensor("w", 2).requires_grad_(true);
            try (ParameterStore sharing = ParameterStore.sharing(owner)) {
                Tensor replica = sharing.root().tensor("w", 2);
                weight.detach().mul_(new Scalar(3));
                assertThat(Tensors.floats(replica.detach())).containsExactly(3, 3);
                replica.mul(replica).sum().backward();
                assertThat(Tensors.floats(replica.grad())).containsExactly(6, 6);
                assertThat(weight.grad().defined()).isFalse();
            }
        }
    }
}
