package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.bytedeco.pytorch.global.torch.mse_loss;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** The short form of the straight-through product equals the paper's, in value and in gradients. */
class IbqLossTest {
    private static final double TEMPERATURE = 2;

    @Test
    void equalsTheFormulaWithAOneHotMatrix() {
        try (Scope scope = Scope.plain(); Randomness random = new Randomness(1)) {
            Tensor z = IbqLoss.unit(Tensors.normal(random, 6, 4));
            Tensor codebook = Tensors.normal(random, 10, 4);
            Tensor weights = Tensors.normal(random, 6, 4);

            Tensor z1 = z.clone().requires_grad_(true);
            Tensor e1 = codebook.clone().requires_grad_(true);
            IbqLoss ours = IbqLoss.of(z1, e1, TEMPERATURE);
            ours.loss().add(ours.quantized().mul(weights).sum()).backward();

            Tensor z2 = z.clone().requires_grad_(true);
            Tensor e2 = codebook.clone().requires_grad_(true);
            Tensor distances = z2.unsqueeze(1).sub(IbqLoss.unit(e2).unsqueeze(0)).square().sum(new long[] {2}, false, new ScalarTypeOptional());
            Tensor soft = distances.mul(new Scalar(-1 / TEMPERATURE)).softmax(1);
            Tensor codes = soft.argmax(new LongOptional(1), false);
            Tensor hard = codes.unsqueeze(1).eq(Tensors.of(new long[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 10)).to(ScalarType.Float);
            Tensor straight = hard.sub(soft.detach()).add(soft);
            Tensor quantized = straight.matmul(e2);
            Tensor plain = hard.matmul(e2);
            Tensor loss = mse_loss(quantized, z2).add(mse_loss(plain.detach(), z2)).add(mse_loss(plain, z2.detach()), new Scalar(0.25));
            loss.add(quantized.mul(weights).sum()).backward();

            assertThat(Tensors.ints(ours.codes())).isEqualTo(Tensors.ints(codes));
            assertThat(ours.loss().item_float()).isCloseTo(loss.item_float(), within(1e-5f));
            close(ours.quantized(), quantized);
            close(z1.grad(), z2.grad());
            close(e1.grad(), e2.grad());
            float[] nearest = Tensors.floats(distances.amin(new long[] {1}, false));
            assertThat(Tensors.floats(ours.distances())).containsExactly(nearest, within(1e-5f));
        }
    }

    private static void close(Tensor actual, Tensor expected) {
        assertThat(Tensors.floats(actual)).containsExactly(Tensors.floats(expected), within(1e-5f));
    }
}
