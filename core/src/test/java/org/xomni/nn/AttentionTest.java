package org.xomni.nn;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class AttentionTest {
    private static final long LENGTH = 40;

    /** Of so many heads, [1, heads, LENGTH, 16]. */
    private static Tensor random(long seed, long heads) {
        try (Randomness random = new Randomness(seed)) {
            return Tensors.normal(random, 1, heads, LENGTH, 16);
        }
    }

    private static List<UnaryOperator<Tensor>> kinds() {
        Tensor bias_1HLL = random(9, 4).narrow(3, 0, 1).expand(1, 4, LENGTH, LENGTH);
        Tensor visible_11LL = torch.ones(new long[] {1, 1, LENGTH, LENGTH}).tril().gt(new Scalar(0));
        Tensor k = random(2, 4);
        Tensor v = random(3, 4);
        Tensor k_group = random(4, 2);
        Tensor v_group = random(5, 2);
        return List.of(
                q -> Attention.full(q, k.to(q.scalar_type()), v.to(q.scalar_type())),
                q -> Attention.biased(q, k.to(q.scalar_type()), v.to(q.scalar_type()), bias_1HLL.to(q.scalar_type())),
                q -> Attention.causal(q, k_group.to(q.scalar_type()), v_group.to(q.scalar_type())),
                q -> Attention.visible(q, k_group.to(q.scalar_type()), v_group.to(q.scalar_type()), visible_11LL));
    }

    @Test
    void bf16IsNearFp32() {
        try (Scope scope = Scope.inference()) {
            Tensor q = random(1, 4);
            for (UnaryOperator<Tensor> attention : kinds()) {
                Tensor exact = attention.apply(q);
                Tensor rounded = attention.apply(q.to(ScalarType.BFloat16));
                assertThat(rounded.scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
                assertThat(rounded.to(ScalarType.Float).sub(exact).abs().max().item_float()).isPositive().isLessThan(0.04f * exact.abs().max().item_float());
            }
            assertThat(Tensors.floats(kinds().get(2).apply(q))).as("causal is what sees what is before").isEqualTo(Tensors.floats(kinds().get(3).apply(q)));
        }
    }

    /** A model in bf16 leaves nothing behind in libtorch that would change how another one in fp32 rounds. */
    @Test
    void whatRanBeforeChangesNoBit() {
        try (Scope scope = Scope.inference()) {
            Tensor q = random(1, 4);
            List<float[]> before = kinds().stream().map(attention -> Tensors.floats(attention.apply(q))).toList();
            for (UnaryOperator<Tensor> other : kinds()) {
                Tensor unused = other.apply(q.to(ScalarType.BFloat16));
                for (int i = 0; i < before.size(); i++) {
                    assertThat(Tensors.floats(kinds().get(i).apply(q))).isEqualTo(before.get(i));
                }
            }
        }
    }
}
