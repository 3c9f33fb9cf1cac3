package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** A table with a map is trained as the sum of a free table and codes times a map. */
class CodeMapTest {
    private static final int CODES = 6;
    private static final int ROWS = 8;
    private static final int WIDTH = 4;
    private static final int STEPS = 5;

    @Test
    void itTrainsLikeTheSumOfAFreeTableAndCodesTimesAMap() {
        try (Scope scope = Scope.plain(); Randomness random = new Randomness(1)) {
            Tensor codes = IbqLoss.unit(Tensors.normal(random, CODES, 3));
            Tensor start = Tensors.normal(random, ROWS, WIDTH);
            Tensor aim = Tensors.normal(random, ROWS, WIDTH);

            Tensor free = start.clone();
            Tensor map = Tensors.normal(random, 3, WIDTH).mul(new Scalar(0.0));
            try (AdamW optimizer = new AdamW(List.of(new ParameterGroup(Map.of("free", free, "map", map), 1)), AdamW.Settings.DEFAULT)) {
                for (int i = 0; i < STEPS; i++) {
                    loss(sum(free, codes, map), aim).backward();
                    optimizer.step(0.1, optimizer.gradientNorm());
                }
            }

            Tensor table = start.clone();
            try (CodeMap mapped = new CodeMap("table", table, codes.clone());
                    AdamW optimizer = new AdamW(
                            List.of(new ParameterGroup(Map.of("table", table), 1), mapped.group()), AdamW.Settings.DEFAULT)) {
                for (int i = 0; i < STEPS; i++) {
                    loss(table, aim).backward();
                    mapped.follow();
                    optimizer.step(0.1, optimizer.gradientNorm());
                    mapped.fold(optimizer);
                }
            }
            try (NoGradGuard guard = new NoGradGuard()) {
                assertThat(table.sub(sum(free, codes, map)).abs().max().item_float()).isCloseTo(0, within(1e-5f));
                assertThat(map.abs().max().item_float()).as("the map has learned").isGreaterThan(0.1f);
            }
        }
    }

    private static Tensor sum(Tensor free, Tensor codes, Tensor map) {
        Tensor padded = torch.zeros(ROWS - CODES, WIDTH);
        return free.add(torch.cat(new TensorVector(codes.matmul(map), padded), 0));
    }

    private static Tensor loss(Tensor table, Tensor aim) {
        return table.sub(aim).square().sum();
    }
}
