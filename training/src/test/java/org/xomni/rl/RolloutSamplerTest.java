package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.pytorch.global.torch.ones_like;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Scope;

/** What is drawn is what is scored. */
class RolloutSamplerTest {
    private static final Path FOLDER = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh").resolve("model");
    private static final int COUNT = 48;

    private static UnifiedModel model() {
        return Policy.frozen(UnifiedConfig.of(ConfigFile.read(FOLDER.resolve("config.json"))), FOLDER, Numerics.cpu(DType.FLOAT32));
    }

    private static List<Rollout> draw(UnifiedModel model, Sampling sampling, int rows) {
        try (RolloutSampler sampler = new RolloutSampler(FOLDER, rows)) {
            List<Prompt> prompts = Collections.nCopies(COUNT, Prompt.of("a sign", 48, 64));
            return sampler.draw(model, prompts, LongStream.range(0, COUNT).toArray(), sampling);
        }
    }

    /** By how many nats the drawn tokens are less probable than tokens of the distribution at a temperature are on average. */
    private static double surplus(UnifiedModel model, Sampling sampling, double temperature) {
        List<Rollout> rollouts = draw(model, sampling, 8);
        try (Scope scope = Scope.inference()) {
            RolloutTensors tensors = RolloutTensors.of(rollouts, model.config(), model.numerics());
            TokenScores scores = TokenScores.of(model, tensors, temperature);
            int tokens = rollouts.stream().mapToInt(Rollout::length).sum();
            return (-scores.chosen_M().sum().item_float() - scores.entropy(ones_like(scores.chosen_M())).item_float()) / tokens;
        }
    }

    @Test
    void rolloutsComeFromTheDistributionThatIsScored() {
        try (UnifiedModel model = model()) {
            // The deviation of a token's surprise is near 1 nat, so that of the mean of 576 is near 0.04.
            assertThat(surplus(model, RolloutSampler.UNFILTERED, 1)).isBetween(-0.15, 0.15);
            assertThat(surplus(model, Sampling.IMAGE, 1)).as("filters would show").isLessThan(-0.2);
            assertThat(surplus(model, RolloutSampler.unfiltered(0.5), 0.5)).isBetween(-0.15, 0.15);
            assertThat(surplus(model, RolloutSampler.unfiltered(0.5), 1)).as("another temperature would show").isLessThan(-0.2);
        }
    }

    @Test
    void aRolloutDoesNotDependOnItsCompany() {
        try (UnifiedModel model = model()) {
            List<Rollout> together = draw(model, RolloutSampler.UNFILTERED, 8);
            List<Rollout> fewer = draw(model, RolloutSampler.UNFILTERED, 3);
            assertThat(fewer.stream().map(Rollout::image).toList()).isEqualTo(together.stream().map(Rollout::image).toList());
            assertThat(together.stream().map(Rollout::image).distinct().count()).isEqualTo(COUNT);
        }
    }

    @Test
    void aSizeBetweenPatchesIsRefused() {
        try (UnifiedModel model = model(); RolloutSampler sampler = new RolloutSampler(FOLDER, 8)) {
            assertThatThrownBy(() -> sampler.draw(model, List.of(Prompt.of("a sign", 40, 48)), new long[] {1}, RolloutSampler.UNFILTERED))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("no multiple of 16");
        }
    }
}
