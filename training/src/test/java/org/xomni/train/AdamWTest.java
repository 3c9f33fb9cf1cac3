package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
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
}
