package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class AdamWTest {
    /** As PyTorch does it: momentum alone moves nothing, so that a resumed run, which begins without gradients, goes on in the same way. */
    @Test
    void aParameterThatTakesNoPartInAStepIsLeftAlone() {
        try (Scope scope = Scope.plain()) {
            Tensor always = Tensors.of(new float[] {1, 2}, 2);
            Tensor sometimes = Tensors.of(new float[] {3, 4}, 2);
            Map<String, Tensor> parameters = new LinkedHashMap<>();
            parameters.put("always", always);
            parameters.put("sometimes", sometimes);
            try (AdamW optimizer = new AdamW(List.of(new ParameterGroup(parameters, 1)), new AdamW.Settings(List.of(0.9, 0.99), 1e-8, 0.1, 0))) {
                List<float[]> seen = new ArrayList<>();
                for (boolean both : new boolean[] {true, false, true}) {
                    Tensor loss = both ? always.mul(sometimes).sum() : always.mul(always).sum();
                    loss.backward();
                    optimizer.step(0.1, optimizer.gradientNorm());
                    seen.add(Tensors.floats(sometimes.detach()));
                    assertThat(optimizer.gradientNorm()).isZero();
                }
                assertThat(seen.get(0)).isNotEqualTo(new float[] {3, 4});
                assertThat(seen.get(1)).isEqualTo(seen.get(0));
                assertThat(seen.get(2)).isNotEqualTo(seen.get(1));
            }
        }
    }

    /** In bf16 256 + 1 is 256, so that the sum would stop there. */
    @Test
    void gradientsInBf16AreSummedInFp32() {
        try (Scope scope = Scope.plain()) {
            Tensor parameter = Tensors.of(new float[] {1, 2}, 2).to(ScalarType.BFloat16);
            try (AdamW optimizer = new AdamW(List.of(new ParameterGroup(Map.of("half", parameter), 1)), AdamW.Settings.DEFAULT)) {
                for (int i = 0; i < 300; i++) {
                    parameter.sum().backward();
                    optimizer.widenGradients();
                }
                assertThat(Tensors.floats(parameter.grad())).containsExactly(300, 300);
                Gradients.add(parameter, torch.ones_like(parameter));
                assertThat(Tensors.floats(parameter.grad())).containsExactly(301, 301);
                assertThat(optimizer.gradientNorm()).isCloseTo(301 * Math.sqrt(2), within(1e-3));
                optimizer.step(0.1, optimizer.gradientNorm());
                assertThat(parameter.grad().defined()).isFalse();
                assertThat(Tensors.floats(parameter.detach().to(ScalarType.Float))[0]).isLessThan(1);
            }
        }
    }

    @Test
    void aLossCountsByItsShare() {
        try (Scope scope = Scope.plain()) {
            Tensor parameter = Tensors.of(new float[] {1, 2}, 2).requires_grad_(true);
            Loss unused = new Loss(parameter.sum(), 0.25, Map.of(), 1, 1).backward();
            assertThat(Tensors.floats(parameter.grad())).containsExactly(0.25f, 0.25f);
        }
    }
}
