package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;
import org.xomni.rl.prompt.PromptSource;
import org.xomni.rl.reward.Drawn;
import org.xomni.rl.reward.OnFailure;
import org.xomni.rl.reward.Reward;
import org.xomni.rl.reward.Rewards;
import org.xomni.rl.reward.Scale;
import org.xomni.rl.reward.WeightedReward;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.LowRank;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;
import org.xomni.train.AdamW;
import org.xomni.train.LoopSettings;
import org.xomni.train.RunListener;
import org.xomni.train.Schedule;

/** The loop on a tiny model, with rewards that are known: bandits, constants, failures; resuming; adapters. */
class GrpoLoopTest {
    private static final Path CHECKPOINT = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh");
    private static final Numerics FP32 = Numerics.cpu(DType.FLOAT32);
    /** Three by three tokens. */
    private static final int SIDE = 48;

    private static final PromptSource PROMPTS = index -> Prompt.of("a sign, number " + index % 3, SIDE, index % 2 == 0 ? SIDE : SIDE - 16);
    /** No test here looks at pixels. */
    private static final TokenPainter BLANK = (prompts, rollouts, seeds) -> rollouts.stream().map(r -> new Pixels(16, 16)).toList();

    private static final Predicate<List<Map<String, Double>>> NEVER = metrics -> false;

    @TempDir
    Path folder;

    private int threads = 2;
    private boolean looksAtHeldOut;
    private Path start = CHECKPOINT.resolve("model");

    private static Rewards rewards(OnFailure onFailure, ToDoubleFunction<Drawn> score) {
        Reward reward = drawn -> drawn.stream().mapToDouble(score).toArray();
        return new Rewards(List.of(new WeightedReward("test", reward, 1, new Scale.None(), null, onFailure)));
    }

    private static Rewards rewards(ToDoubleFunction<Drawn> score) {
        return rewards(new OnFailure.Stop(), score);
    }

    /** The share of tokens that are the first half of the codes: half at first. */
    private static double lowCodes(Drawn drawn) {
        return Arrays.stream(drawn.tokens().ids()).filter(id -> id < 128).count() / (double) drawn.tokens().ids().length;
    }

    private static GrpoSettings settings(double kl, int epochs, int miniBatches) {
        return settings(1, kl, epochs, miniBatches);
    }

    private static GrpoSettings settings(double temperature, double kl, int epochs, int miniBatches) {
        return new GrpoSettings(4, 8, temperature, null, 0, kl, new Clip.Symmetric(0.2), new Aggregation.SequenceMean(), new Advantage.Standardised(), epochs, miniBatches, 8);
    }

    /** The same, and the scale of logits is trained at this many times the rate of weights. */
    private static GrpoSettings scaled(double scaleRate) {
        return new GrpoSettings(4, 8, 1, null, scaleRate, 0, new Clip.Symmetric(0.2), new Aggregation.SequenceMean(), new Advantage.Standardised(), 1, 1, 8);
    }

    private static LoopSettings loop(long steps, long checkpointEvery) {
        return loop(1e-3, steps, checkpointEvery);
    }

    private static LoopSettings loop(double rate, long steps, long checkpointEvery) {
        return new LoopSettings(
                steps, 2, rate, new Schedule.Constant(0), new AdamW.Settings(List.of(0.9, 0.95), 1e-8, 0, 1), 0, checkpointEvery, 1);
    }

    private List<Map<String, Double>> train(
            Rewards rewards, GrpoSettings settings, LoopSettings loop, Numerics numerics, @Nullable LowRank lowRank, Path run, boolean resume,
            Predicate<List<Map<String, Double>>> stop) {
        Path model = CHECKPOINT.resolve("model");
        List<Map<String, Double>> metrics = new ArrayList<>();
        try (Policy policy = Policy.load(UnifiedConfig.of(ConfigFile.read(model.resolve("config.json"))), start, lowRank, 5, numerics);
                RolloutSampler sampler = new RolloutSampler(model, settings.rows());
                Drawing drawing = new Drawing(sampler, BLANK, threads);
                HeldOut set = new HeldOut(PROMPTS, new HeldOut.Settings(2, 1, 0, true), 7, drawing, rewards)) {
            HeldOut heldOut = looksAtHeldOut ? set : null;
            new GrpoLoop(policy, drawing, PROMPTS, rewards, settings, loop, 7, heldOut).run(run, resume, new RunListener() {
                @Override
                public void stepped(long step, Map<String, Double> measured) {
                    metrics.add(measured);
                }

                @Override
                public boolean stop() {
                    return stop.test(metrics);
                }
            });
        }
        return metrics;
    }

    private List<Map<String, Double>> train(Rewards rewards, GrpoSettings settings, LoopSettings loop) {
        return train(rewards, settings, loop, FP32, null, folder.resolve("run"), false, NEVER);
    }

    private static double value(Map<String, Double> metrics, String name) {
        return metrics.getOrDefault(name, Double.NaN);
    }

    @Test
    void solvesABanditWhoseRewardIsOneToken() {
        List<Map<String, Double>> metrics = train(
                rewards(d -> Arrays.stream(d.tokens().ids()).anyMatch(id -> id == 42) ? 1 : 0),
                settings(0, 1, 1), loop(100, 100), FP32, null, folder.resolve("run"), false, m -> m.size() >= 10 && lately(m) > 0.95);
        assertThat(value(metrics.getFirst(), "reward")).as("rare at first").isLessThan(0.3);
        assertThat(lately(metrics)).as("mean reward of the last five steps").isGreaterThan(0.95);
    }

    private static double lately(List<Map<String, Double>> metrics) {
        return metrics.subList(metrics.size() - 5, metrics.size()).stream().mapToDouble(m -> value(m, "reward")).average().orElseThrow();
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, 1.3})
    void theRatioIsExactlyOneAtTheFirstUpdateOfEachBatch(double temperature) {
        List<Map<String, Double>> metrics = train(rewards(GrpoLoopTest::lowCodes), settings(temperature, 0.01, 2, 2), loop(4, 100));
        assertThat(metrics).allSatisfy(m -> {
            assertThat(value(m, "first_ratio_error")).isZero();
            assertThat(value(m, "updates")).isEqualTo(4);
        });
        assertThat(metrics.getFirst().get("kl")).as("the policy has left the reference after its first update").isPositive();
        assertThat(metrics).as("later updates of a batch are clipped somewhere").anySatisfy(
                m -> assertThat(value(m, "clipped_high") + value(m, "clipped_low")).isPositive());
    }

    @Test
    void theReferenceIsWhatItDrawsAtTemperatureOne() {
        Map<String, Double> same = train(rewards(GrpoLoopTest::lowCodes), settings(1, 0.01, 1, 1), loop(1, 100)).getFirst();
        Map<String, Double> exploring = train(
                rewards(GrpoLoopTest::lowCodes), settings(1.5, 0.01, 1, 1), loop(1, 100), FP32, null, folder.resolve("exploring"), false, NEVER).getFirst();
        assertThat(value(same, "kl")).as("the policy is the reference, and draws as it does").isZero();
        assertThat(value(exploring, "kl")).as("the same model is another policy at another temperature").isPositive();
    }

    @Test
    void theRatioIsExactlyOneInBf16Too() {
        Numerics bf16 = new Numerics(DType.BFLOAT16, DType.BFLOAT16, Quantization.NONE, "cpu");
        List<Map<String, Double>> metrics =
                train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 2, 1), loop(3, 100), bf16, null, folder.resolve("run"), false, NEVER);
        assertThat(metrics).allSatisfy(m -> assertThat(value(m, "first_ratio_error")).isZero());
        assertThat(value(metrics.getLast(), "kl")).isPositive();
        assertThat(train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 1), loop(1, 100), bf16, null, folder.resolve("one"), false, NEVER))
                .as("the policy is the reference").allSatisfy(m -> assertThat(value(m, "kl")).isZero());
    }

    /** Replicas add up to the gradient that the policy has alone, in two updates of which the second sees what the first has written. */
    @Test
    void workersComputeTheUpdateOfOne() {
        List<Map<String, Double>> two = train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 2), loop(1, 1));
        threads = 1;
        List<Map<String, Double>> one =
                train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 2), loop(1, 1), FP32, null, folder.resolve("one"), false, NEVER);
        for (String name : List.of("reward", "loss", "kl", "entropy", "gradient_norm")) {
            double expected = value(one.getFirst(), name);
            assertThat(value(two.getFirst(), name)).as(name).isCloseTo(expected, within(1e-4 * Math.abs(expected)));
        }
        assertThat(value(one.getFirst(), "kl")).isPositive();
    }

    @Test
    void aConstantRewardMovesNothing() {
        List<Map<String, Double>> metrics = train(rewards(d -> 0.3), settings(0.01, 1, 1), loop(2, 1));
        assertThat(metrics).allSatisfy(m -> {
            assertThat(value(m, "zero_variance_groups")).isEqualTo(4);
            assertThat(value(m, "updates")).isZero();
        });
        Map<String, byte[]> end = tensors(folder.resolve("run").resolve("model").resolve("model").resolve("model.safetensors"));
        Path untrained = folder.resolve("untrained");
        Path model = CHECKPOINT.resolve("model");
        try (Policy policy = Policy.load(UnifiedConfig.of(ConfigFile.read(model.resolve("config.json"))), model, null, 5, FP32)) {
            policy.export(untrained, Map.of());
        }
        assertThat(end).usingRecursiveComparison().isEqualTo(tensors(untrained.resolve("model").resolve("model.safetensors")));
    }

    /** Signs of few different tokens come from a surer policy, those of many from an unsure one. */
    @Test
    void thePolicyLearnsHowSureItMayBe() {
        List<Map<String, Double>> surer = train(rewards(d -> -different(d)), scaled(1000), loop(1e-4, 20, 100));
        List<Map<String, Double>> unsure = train(
                rewards(GrpoLoopTest::different), scaled(1000), loop(1e-4, 20, 100), FP32, null, folder.resolve("unsure"), false, NEVER);
        assertThat(value(surer.getLast(), "logit_scale")).isGreaterThan(1.5);
        assertThat(value(unsure.getLast(), "logit_scale")).isLessThan(0.7);
    }

    private static double different(Drawn drawn) {
        return Arrays.stream(drawn.tokens().ids()).distinct().count() / (double) drawn.tokens().ids().length;
    }

    @Test
    void theScaleOfLogitsIsPartOfTheGains() {
        List<Map<String, Double>> metrics = train(rewards(d -> -different(d)), scaled(1000), loop(2e-5, 10, 100));
        double scale = value(metrics.getLast(), "logit_scale");
        assertThat(scale).isGreaterThan(1.05);
        float[] before = floats(CHECKPOINT.resolve("model"), UnifiedModel.IMAGE_NORM);
        float[] after = floats(folder.resolve("run").resolve("model").resolve("model"), UnifiedModel.IMAGE_NORM);
        for (int i = 0; i < before.length; i++) {
            float expected = (float) (before[i] * scale);
            assertThat(after[i]).as("what is written is bf16").isCloseTo(expected, within(Math.abs(expected) / 256 + 2e-4f));
        }
        assertThat(floats(folder.resolve("run").resolve("model").resolve("model"), "model.lm_norm.weight"))
                .as("that of text").containsExactly(floats(CHECKPOINT.resolve("model"), "model.lm_norm.weight"), within(0.005f));
    }

    /** What is trained, and how. */
    enum Training {
        PLAIN,
        WITH_A_SCALE,
        /** bf16 with masters, averages, a falling rate, a rising temperature and looks at held-out prompts. */
        AS_MINI,
        ADAPTERS
    }

    private LoopSettings loop(Training training) {
        LoopSettings plain = loop(4, 2);
        return training != Training.AS_MINI ? plain : new LoopSettings(
                4, 2, 1e-3, new Schedule.Linear(1, 0), plain.optimizer(), 0.9, 2, 1);
    }

    @ParameterizedTest
    @EnumSource
    void aResumedRunEndsWithTheSameBits(Training training) throws Exception {
        GrpoSettings settings = new GrpoSettings(
                4, 8, 1, training == Training.AS_MINI ? 1.5 : null, training == Training.WITH_A_SCALE || training == Training.AS_MINI ? 30 : 0, 0.01,
                new Clip.Symmetric(0.2), new Aggregation.SequenceMean(), new Advantage.Standardised(), 1, 2, 8);
        Numerics numerics = training == Training.AS_MINI ? new Numerics(DType.BFLOAT16, DType.BFLOAT16, Quantization.NONE, "cpu") : FP32;
        LowRank lowRank = training == Training.ADAPTERS ? new LowRank(2, 4, Set.of("q_proj", "down_proj")) : null;
        looksAtHeldOut = training == Training.AS_MINI;
        LoopSettings loop = loop(training);
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        List<Map<String, Double>> uninterrupted =
                train(rewards(GrpoLoopTest::lowCodes), settings, loop, numerics, lowRank, whole, false, NEVER);
        // A run that is killed after its third step has a checkpoint of the second.
        assertThatThrownBy(() -> train(rewards(GrpoLoopTest::lowCodes), settings, loop, numerics, lowRank, parts, false, steps -> {
            if (steps.size() == 3) {
                throw new IllegalStateException("killed");
            }
            return false;
        })).hasMessageContaining("killed");
        List<Map<String, Double>> joined = train(rewards(GrpoLoopTest::lowCodes), settings, loop, numerics, lowRank, parts, true, NEVER);
        assertThat(joined).hasSize(2);
        for (int i = 0; i < 2; i++) {
            for (String name : List.of("loss", "reward", "kl", "gradient_norm", "entropy", "logit_scale", "held_out_reward")) {
                assertThat(joined.get(i).get(name)).isEqualTo(uninterrupted.get(i + 2).get(name));
            }
        }
        Path state = Path.of("checkpoints", "step-000000004", "state.safetensors");
        assertThat(tensors(parts.resolve(state))).usingRecursiveComparison().isEqualTo(tensors(whole.resolve(state)));
        // A finished run is exported again.
        Path weights = parts.resolve("model").resolve("model").resolve("model.safetensors");
        Map<String, byte[]> trained = tensors(weights);
        assertThat(trained).as("what is exported").usingRecursiveComparison().isEqualTo(tensors(whole.resolve(parts.relativize(weights))));
        Files.delete(weights);
        assertThat(train(rewards(GrpoLoopTest::lowCodes), settings, loop, numerics, lowRank, parts, true, NEVER)).isEmpty();
        assertThat(tensors(weights)).usingRecursiveComparison().isEqualTo(trained);
    }

    /** The reference would be another one from there on. */
    @Test
    void aRunDoesNotGoOnFromOtherWeights() {
        Path run = folder.resolve("run");
        List<Map<String, Double>> unused = train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 1), loop(2, 1));
        Path first = start;
        start = run.resolve("model").resolve("model");
        assertThatThrownBy(() -> train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 1), loop(3, 1), FP32, null, run, true, NEVER))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("began with other weights");
        start = first;
        assertThat(train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 1), loop(3, 1), FP32, null, run, true, NEVER)).hasSize(1);
    }

    @Test
    void theTemperatureChangesEvenlyFromTheFirstStepToTheLast() {
        GrpoSettings rising = new GrpoSettings(
                4, 8, 1.2, 1.6, 0, 0.01, new Clip.Symmetric(0.2), new Aggregation.SequenceMean(), new Advantage.Standardised(), 1, 2, 8);
        assertThat(LongStream.range(0, 5).mapToDouble(step -> rising.temperature(step, 5)).toArray()).containsExactly(new double[] {1.2, 1.3, 1.4, 1.5, 1.6}, within(1e-9));
        assertThat(rising.temperature(0, 1)).isEqualTo(1.2);
        assertThat(settings(1.3, 0, 1, 1).temperature(4, 5)).as("it stays if no other is asked for").isEqualTo(1.3);
        List<Map<String, Double>> metrics = train(rewards(GrpoLoopTest::lowCodes), rising, loop(3, 100));
        assertThat(metrics.stream().mapToDouble(m -> value(m, "temperature")).toArray()).as("the run's").containsExactly(new double[] {1.2, 1.4, 1.6}, within(1e-9));
        assertThat(metrics).as("old and current scores are of the same temperature").allSatisfy(m -> assertThat(value(m, "first_ratio_error")).isZero());
    }

    @Test
    void nativeObjectsDoNotPileUp() {
        List<Long> counts = new ArrayList<>();
        int[] rewarded = {0};
        List<Map<String, Double>> metrics = train(
                rewards(d -> {
                    rewarded[0]++;
                    if (rewarded[0] == 2 * 32 || rewarded[0] == 7 * 32) {
                        counts.add(Pointer.totalCount());
                    }
                    return lowCodes(d);
                }),
                settings(0.01, 2, 2), loop(8, 100));
        assertThat(metrics).hasSize(8);
        assertThat(counts.getLast() - counts.getFirst()).as("native objects alive, from the second step to the seventh").isLessThan(20);
    }

    @Test
    void aRewardThatIsNoNumberStopsTheRunLoudly() throws Exception {
        assertThatThrownBy(() -> train(rewards(d -> Double.NaN), settings(0.01, 1, 1), loop(2, 1)))
                .isInstanceOf(XOmniException.class)
                .hasMessageContaining("reward test")
                .hasMessageContaining("NaN")
                .hasMessageContaining("a sign, number 0");
        assertThat(Files.readString(folder.resolve("run").resolve("metrics.jsonl"))).contains("\"problem\":\"reward test failed");
    }

    @Test
    void aStepWhoseRewardFailsCanBeSkipped() throws Exception {
        int[] calls = {0};
        List<Map<String, Double>> metrics = train(
                rewards(new OnFailure.SkipStep(), d -> calls[0]++ < 32 ? Double.NaN : lowCodes(d)), settings(0.01, 1, 1), loop(2, 1));
        assertThat(value(metrics.get(0), "skipped_steps")).isEqualTo(1);
        assertThat(metrics.get(0)).doesNotContainKeys("updates", "reward");
        assertThat(value(metrics.get(1), "updates")).isEqualTo(1);
        assertThat(Files.readString(folder.resolve("run").resolve("metrics.jsonl"))).contains("\"problem\":\"reward test failed");
    }

    /** Skipped steps are counted over all of the run. */
    @Test
    void skippedStepsAddUp() {
        List<Map<String, Double>> metrics = train(
                rewards(new OnFailure.SkipStep(), d -> Double.NaN), settings(0.01, 1, 1), loop(4, 2), FP32, null, folder.resolve("run"), false, all -> all.size() == 2);
        assertThat(value(metrics.getLast(), "skipped_steps")).isEqualTo(2);
        List<Map<String, Double>> later = train(
                rewards(new OnFailure.SkipStep(), d -> Double.NaN), settings(0.01, 1, 1), loop(4, 2), FP32, null, folder.resolve("run"), true, NEVER);
        assertThat(value(later.getLast(), "skipped_steps")).isEqualTo(4);
    }

    @Test
    void adaptersLearnAndMergeIntoAPlainCheckpoint() {
        LowRank lowRank = new LowRank(4, 8, Set.of("q_proj", "v_proj", "down_proj", "mm_head"));
        Path run = folder.resolve("run");
        List<Map<String, Double>> metrics =
                train(rewards(GrpoLoopTest::lowCodes), settings(0.01, 1, 2), loop(6, 6), FP32, lowRank, run, false, NEVER);
        assertThat(metrics).allSatisfy(m -> assertThat(value(m, "first_ratio_error")).isZero());
        assertThat(value(metrics.getLast(), "kl")).isPositive();
        Map<String, byte[]> merged = tensors(run.resolve("model").resolve("model").resolve("model.safetensors"));
        Map<String, byte[]> state = tensors(run.resolve("checkpoints").resolve("step-000000006").resolve("state.safetensors"));
        assertThat(merged.keySet()).noneMatch(LowRank::isAdapter);
        assertThat(state.keySet()).allMatch(LowRank::isAdapter);
        Path untrained = folder.resolve("untrained");
        Path model = CHECKPOINT.resolve("model");
        try (Policy policy = Policy.load(UnifiedConfig.of(ConfigFile.read(model.resolve("config.json"))), model, null, 5, FP32)) {
            policy.export(untrained, Map.of());
        }
        Map<String, byte[]> before = tensors(untrained.resolve("model").resolve("model.safetensors"));
        assertThat(merged.keySet()).isEqualTo(before.keySet());
        merged.forEach((name, bytes) -> {
            boolean target = name.matches(".*(q_proj|v_proj|down_proj|mm_head)\\.weight");
            assertThat(Arrays.equals(bytes, before.get(name))).as(name + " is as it was").isEqualTo(!target);
        });
    }

    private static float[] floats(Path model, String name) {
        UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(CHECKPOINT.resolve("model").resolve("config.json")));
        try (Scope scope = Scope.plain(); UnifiedModel weights = Policy.frozen(config, model, FP32)) {
            return Tensors.floats(Objects.requireNonNull(weights.store().parameters().get(name)));
        }
    }

    private static Map<String, byte[]> tensors(Path file) {
        Map<String, byte[]> all = new TreeMap<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            for (StoredTensor tensor : tensors.tensors().values()) {
                all.put(tensor.name(), tensor.bytes().toArray(ValueLayout.JAVA_BYTE));
            }
        }
        return all;
    }
}
