package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;

/** The reference's GRPO quantities: log-probabilities, advantages, losses by both aggregations, KL and clip fraction. */
class GrpoGoldenTest {
    private static final Path FIXTURES = Path.of(System.getProperty("xomni.fixtures"));
    private static final double RELATIVE = 1e-5;

    private static SafetensorsFile golden(String fixture) {
        return SafetensorsFile.open(FIXTURES.resolve(fixture).resolve("golden").resolve("training.safetensors"));
    }

    private static Tensor tensor(SafetensorsFile golden, String name) {
        return Tensors.over(golden.tensor(name));
    }

    private static double scalar(SafetensorsFile golden, String name) {
        return tensor(golden, name).item_float();
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void advantagesLossesKlAndClipFractionAreTheReferences(String fixture) {
        try (SafetensorsFile golden = golden(fixture); Scope scope = Scope.plain()) {
            Tensor current = tensor(golden, "grpo.cur_logp");
            Tensor old = tensor(golden, "grpo.old_logp");
            Tensor mask = tensor(golden, "grpo.mask").to(ScalarType.Float);
            float[] rewards = Tensors.floats(tensor(golden, "grpo.rewards"));
            float[] expected = Tensors.floats(tensor(golden, "grpo.advantages"));
            double[] advantages = new Advantage.Standardised().of(IntStream.range(0, rewards.length).mapToDouble(i -> rewards[i]).toArray());
            for (int i = 0; i < expected.length; i++) {
                assertThat(advantages[i]).isCloseTo(expected[i], within(RELATIVE * Math.abs(expected[i])));
            }
            int[] lengths = Tensors.ints(mask.sum(1));
            double tokens = Arrays.stream(lengths).sum();
            GrpoLoss tokenMean = loss(new Aggregation.TokenMean(), current, old, mask, lengths, advantages);
            GrpoLoss sequenceMean = loss(new Aggregation.SequenceMean(), current, old, mask, lengths, advantages);
            double clipped = (tokenMean.clippedHigh().item_float() + tokenMean.clippedLow().item_float()) / tokens;
            close(tokenMean.total().item_float(), scalar(golden, "grpo.loss_token_mean"));
            close(sequenceMean.total().item_float(), scalar(golden, "grpo.loss_seq_mean_token_mean"));
            close(tokenMean.kl().item_float() / tokens, scalar(golden, "grpo.kl_k3_token_mean"));
            close(clipped, scalar(golden, "grpo.clip_fraction"));
        }
    }

    private static void close(double actual, double expected) {
        assertThat(actual).isCloseTo(expected, within(RELATIVE * Math.abs(expected)));
    }

    private static GrpoLoss loss(Aggregation aggregation, Tensor current, Tensor old, Tensor mask, int[] lengths, double[] advantages) {
        Tensor weights = mask.mul(column(aggregation.weights(lengths)));
        return GrpoLoss.of(current, old, old, column(advantages), weights, mask, new Clip.Symmetric(0.2), 0.01);
    }

    /** A value for each rollout, which the tokens of its row share. */
    private static Tensor column(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            narrow[i] = (float) values[i];
        }
        return Tensors.of(narrow, values.length, 1);
    }

    /** Our scoring of the same images after the same ids gives the reference's log-probabilities, rollouts in one row. */
    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void logProbabilitiesAreTheReferences(String fixture) {
        Path folder = FIXTURES.resolve(fixture).resolve("model");
        UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(folder.resolve("config.json")));
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        try (SafetensorsFile golden = golden(fixture);
                UnifiedModel model = UnifiedModel.of(
                        config, ParameterStore.of("fixture", weights.tensors(), List.of(weights), Numerics.cpu(DType.FLOAT32)));
                Scope scope = Scope.inference()) {
            int[] ids = Tensors.ints(tensor(golden, "ids"));
            int[] mask = Tensors.ints(tensor(golden, "grpo.mask"));
            float[] expected = Tensors.floats(tensor(golden, "grpo.old_logp"));
            int rows = (int) golden.tensor("ids").shape()[0];
            int length = ids.length / rows;
            List<Rollout> rollouts = new ArrayList<>();
            List<float[]> reference = new ArrayList<>();
            for (int row = 0; row < rows; row++) {
                int at = row;
                int[] image = IntStream.range(0, length - 1).filter(t -> mask[at * (length - 1) + t] == 1).toArray();
                int[] prompt = Arrays.copyOfRange(ids, row * length, row * length + image[0] + 1);
                int[] codes = Arrays.stream(image).map(t -> ids[at * length + t + 1] - config.vocabSize()).toArray();
                assertThat(image[image.length - 1] - image[0]).isEqualTo(image.length - 1);
                rollouts.add(new Rollout(prompt, new ImageTokens(1, codes.length, codes)));
                float[] row1 = new float[image.length];
                for (int i = 0; i < image.length; i++) {
                    row1[i] = expected[row * (length - 1) + image[i]];
                }
                reference.add(row1);
            }
            TokenScores scores = TokenScores.of(model, RolloutTensors.of(rollouts, config, model.numerics()), 1);
            float[] chosen = Tensors.floats(scores.chosen_M());
            int at = 0;
            for (float[] wanted : reference) {
                for (float want : wanted) {
                    assertThat(chosen[at++]).isCloseTo(want, within((float) (1e-4 * Math.max(1, Math.abs(want)))));
                }
            }
            assertThat(chosen).hasSize(at);
        }
    }
}
