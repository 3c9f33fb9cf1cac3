package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** The objective by hand; {@link GrpoGoldenTest} holds it against the reference. */
class GrpoLossTest {

    /** Ratios .5, 1, 1.25, 1.5, each once with an advantage of 1 and once of -1. */
    @Test
    void clippingIsToldApartByItsSide() {
        try (Scope scope = Scope.plain()) {
            float[] logs = {(float) Math.log(0.5), 0, (float) Math.log(1.25), (float) Math.log(1.5)};
            Tensor current_M = Tensors.of(new float[] {logs[0], logs[1], logs[2], logs[3], logs[0], logs[1], logs[2], logs[3]}, 8);
            Tensor zero_M = Tensors.of(new float[8], 8);
            Tensor ones_M = zero_M.add(new org.bytedeco.pytorch.Scalar(1));
            Tensor advantages_M = Tensors.of(new float[] {1, 1, 1, 1, -1, -1, -1, -1}, 8);
            GrpoLoss symmetric = GrpoLoss.of(current_M, zero_M, current_M, advantages_M, ones_M, ones_M, new Clip.Symmetric(0.2), 0);
            assertThat(symmetric.clippedHigh().item_float()).as("1.25 and 1.5, where more is good").isEqualTo(2);
            assertThat(symmetric.clippedLow().item_float()).as(".5, where less is good").isEqualTo(1);
            // min(rho A, clip(rho) A): for A = 1 .5 + 1 + 1.2 + 1.2, for A = -1 -(.8 + 1 + 1.25 + 1.5).
            assertThat((double) symmetric.total().item_float()).isCloseTo(-(3.9 - 4.55), within(1e-5));

            GrpoLoss higher = GrpoLoss.of(current_M, zero_M, current_M, advantages_M, ones_M, ones_M, new Clip.Higher(0.6, 0.3), 0);
            assertThat(higher.clippedHigh().item_float()).as("1.5 alone").isEqualTo(1);
            assertThat(higher.clippedLow().item_float()).isZero();
            assertThat((double) higher.total().item_float()).isCloseTo(-((0.5 + 1 + 1.25 + 1.3) - (0.5 + 1 + 1.25 + 1.5)), within(1e-5));
        }
    }
}
