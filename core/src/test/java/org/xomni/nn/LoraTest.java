package org.xomni.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.LowRank;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;

/** A layer with a low-rank adapter: what it computes, where it stands, and that it merges. */
class LoraTest {
    private static final LowRank RANK_2 = new LowRank(2, 6, Set.of("q_proj"));

    private static Tensor normal(long seed, long... shape) {
        try (Randomness randomness = new Randomness(seed)) {
            return Tensors.normal(randomness, shape);
        }
    }

    private static ParameterStore store(Map<String, StoredTensor> stored) {
        return ParameterStore.adapted("a test", stored, List.of(), RANK_2, (name, shape) -> normal(name.hashCode(), shape), Numerics.cpu(DType.FLOAT32));
    }

    @Test
    void onlyTargetsGetAdaptersWhichTrainAloneAndMerge() {
        try (Scope scope = Scope.plain()) {
            Tensor weight = normal(1, 5, 3);
            Tensor bias = normal(2, 5);
            Map<String, StoredTensor> stored = Map.of(
                    "layer.q_proj.weight", Tensors.stored("layer.q_proj.weight", weight),
                    "layer.q_proj.bias", Tensors.stored("layer.q_proj.bias", bias),
                    "layer.k_proj.weight", Tensors.stored("layer.k_proj.weight", weight));
            try (ParameterStore store = store(stored)) {
                Parameters layer = store.root().at("layer");
                Linear adapted = Linear.of(layer.at("q_proj"), 3, 5);
                Linear plain = Linear.of(layer.at("k_proj"), 3, 5, false);
                store.check();
                assertThat(plain).isInstanceOf(Linear.Dense.class);
                assertThat(store.parameters().keySet()).containsExactly(
                        "layer.q_proj.weight", "layer.q_proj.bias", "layer.q_proj.lora_A.weight", "layer.q_proj.lora_B.weight", "layer.k_proj.weight");

                Linear.Lora lora = (Linear.Lora) adapted;
                assertThat(Tensors.shape(lora.a())).containsExactly(2, 3);
                assertThat(Tensors.shape(lora.b())).containsExactly(5, 2);
                Linear merged = new Linear.Dense(Linear.Lora.merge(weight, lora.a(), lora.b(), RANK_2.scale()), bias);
                Tensor x = normal(3, 4, 3);
                assertThat(Tensors.floats(adapted.forward(x))).containsExactly(Tensors.floats(merged.forward(x)), within(1e-5f));
                assertThat(Tensors.floats(adapted.forward(x))).isNotEqualTo(Tensors.floats(new Linear.Dense(weight, bias).forward(x)));
                assertThat(Tensors.floats(adapted.firstRows(2).forward(x)))
                        .containsExactly(Tensors.floats(adapted.forward(x).narrow(1, 0, 2)), within(1e-6f));

                Tensor a = lora.a().requires_grad_(true);
                Tensor b = lora.b().requires_grad_(true);
                adapted.forward(x).sum().backward();
                assertThat(a.grad().defined() && b.grad().defined()).isTrue();
                assertThat(lora.dense().weight().grad().defined()).as("the base stays frozen").isFalse();
            }
        }
    }

    @Test
    void impossibleAdaptersAreRefused() {
        assertThatThrownBy(() -> new LowRank(0, 1, Set.of("q_proj"))).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> new LowRank(1, 1, Set.of("qproj"))).isInstanceOf(InputException.class).hasMessageContaining("q_proj");
    }
}
