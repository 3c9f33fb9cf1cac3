package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.xomni.train.SmallStages.loop;
import static org.xomni.train.SmallStages.losses;
import static org.xomni.train.SmallStages.state;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.train.SmallStages.Kind;

/** What must hold for every stage: it learns one batch by heart, and a run that was stopped and resumed ends with the same bits. */
class StagesTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource
    void learnsOneBatchByHeart(Kind kind) {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        double[] losses = losses(kind.make(checkpoint, 4), loop(kind.steps, 1000), folder.resolve("run"), false, -1);
        double first = mean(losses, 0, 10);
        double last = mean(losses, losses.length - 10, losses.length);
        assertThat(last).as("mean loss of the last ten steps, from " + first).isLessThan(kind.share * first);
    }

    private static double mean(double[] values, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += values[i];
        }
        return sum / (to - from);
    }

    @ParameterizedTest
    @EnumSource
    void aResumedRunEndsWithTheSameBits(Kind kind) {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        LoopSettings loop = loop(12, 3);
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        double[] uninterrupted = losses(kind.make(checkpoint, 1000), loop, whole, false, -1);
        double[] before = losses(kind.make(checkpoint, 1000), loop, parts, false, 7);
        double[] after = losses(kind.make(checkpoint, 1000), loop, parts, true, -1);
        assertThat(before).hasSize(7);
        double[] joined = DoubleStream.concat(Arrays.stream(before), Arrays.stream(after)).toArray();
        assertThat(joined).containsExactly(uninterrupted);
        assertThat(state(parts)).isEqualTo(state(whole));
    }

    /** bf16 rounds, but learns the same: its first losses are those of fp32 to a percent or two, and the weights move. */
    @ParameterizedTest
    @EnumSource
    void trainsInBf16(Kind kind) {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        double[] exact = losses(kind.make(checkpoint, 1000), loop(5, 5), folder.resolve("fp32"), false, -1);
        Numerics bf16 = new Numerics(DType.BFLOAT16, DType.BFLOAT16, Quantization.NONE, "cpu");
        double[] rounded = losses(kind.make(checkpoint, 1000, bf16), loop(5, 5), folder.resolve("bf16"), false, -1);
        // The decoder's output begins at zero, so that its first loss is the same in both.
        assertThat(rounded[0]).isCloseTo(exact[0], withinPercentage(2));
        assertThat(rounded[4]).isCloseTo(exact[4], withinPercentage(10)).isNotEqualTo(exact[4]).isNotEqualTo(rounded[0]);
    }

    /** Two workers share the rows of a batch: their gradients add up to those of one thread. */
    @Test
    void workersTrainAsOneThreadDoes() {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        int threads = Engine.threads();
        try {
            Engine.threads(1);
            double[] one = losses(Kind.UNIFIED.make(checkpoint, 1000), loop(3, 3), folder.resolve("one"), false, -1);
            Engine.threads(2);
            double[] two = losses(Kind.UNIFIED.make(checkpoint, 1000), loop(3, 3), folder.resolve("two"), false, -1);
            assertThat(two[0]).isCloseTo(one[0], withinPercentage(0.001));
            assertThat(two[2]).as("after two updates").isCloseTo(one[2], withinPercentage(0.5)).isLessThan(0.98 * one[0]);
        } finally {
            Engine.threads(threads);
        }
    }

    /** Two rows in one batch or one after the other: every target weighs the same, though rows have more and fewer of them. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void accumulatedMicroBatchesAreOneBatch(int threads) {
        Path model = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint")).resolve("model");
        int before = Engine.threads();
        Map<Integer, double[]> losses = new TreeMap<>();
        Map<Integer, MetricsFile> metrics = new TreeMap<>();
        try {
            Engine.threads(threads);
            for (int accumulate : new int[] {1, 2}) {
                Stage stage = new UnifiedStage(
                        model, null, new UnifiedStage.Settings(UnifiedStage.Trained.EVERYTHING, 2 / accumulate, 128, 0.1, 2, true, 0), 7, TinyCheckpoint.FP32,
                        TinyCheckpoint.tokenised(new Tasks(1, 0, 1, 0, 0), 1000), 1);
                LoopSettings one = loop(4, 4);
                Path run = folder.resolve("run-" + accumulate);
                losses.put(accumulate, losses(
                        stage, new LoopSettings(4, accumulate, 1e-2, one.schedule(), one.optimizer(), 0, 4, 1), run, false, -1));
                metrics.put(accumulate, MetricsFile.read(run));
            }
        } finally {
            Engine.threads(before);
        }
        for (int step = 0; step < 4; step++) {
            assertThat(Objects.requireNonNull(losses.get(2))[step]).as("loss of step " + step).isCloseTo(Objects.requireNonNull(losses.get(1))[step], withinPercentage(0.01));
        }
        // Averaged over the micro-batches that have text, not diluted by those that have none.
        double[] whole = Objects.requireNonNull(metrics.get(1)).series("text").values();
        double[] parts = Objects.requireNonNull(metrics.get(2)).series("text").values();
        assertThat(parts).hasSameSizeAs(whole).isNotEmpty();
        for (int i = 0; i < parts.length; i++) {
            assertThat(parts[i]).isCloseTo(whole[i], withinPercentage(20));
        }
    }

    /** Turns that ask for drawings only leave the language model nothing to answer. */
    @Test
    void aTokenizerBatchWithoutAnswersIsLearnedFrom() {
        Path model = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint")).resolve("model");
        Stage stage = new TokenizerStage(
                TokenizerConfig.read(model), TextTokenizer.load(model), null,
                new TokenizerStage.Settings(
                        4, TinyCheckpoint.GRID, 0.1, 0, 2, 4, 1000, 1, 0.5, 5, 1, 32, TokenizerStage.Back.TRAINED, new AlignmentModel.Settings(16, 1, 2)),
                7, TinyCheckpoint.FP32, TinyCheckpoint.signs(new Tasks(0, 0, 0, 0, 1), 4), 1);
        assertThat(losses(stage, loop(2, 2), folder.resolve("run"), false, -1)).hasSize(2).doesNotContain(Double.NaN);
    }

    /** Where crops find no picture large enough, the run says so instead of looking for one for ever. */
    @Test
    void anAutoencoderWithoutLargeEnoughPicturesStops() throws IOException {
        Path vae = TinyCheckpoint.withFrozenParts(folder.resolve("tiny")).resolve("flux").resolve("vae");
        Stage stage = new AutoencoderStage(
                ConfigFile.read(vae.resolve("config.json")), new AutoencoderStage.Settings(4, 512, 0.5, 1e-4), 7, TinyCheckpoint.FP32,
                TinyCheckpoint.signs(Tasks.GENERATION, 4), 1);
        assertThatThrownBy(() -> losses(stage, loop(1, 1), folder.resolve("run"), false, -1))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no picture of at least 512x512 pixels");
    }

    @Test
    void whatIsNotTrainedDoesNotMoveByABit() throws IOException {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        Path model = checkpoint.resolve("model");
        double[] unused = losses(Kind.UNIFIED.make(checkpoint, 8), loop(2, 2), folder.resolve("first"), false, -1);
        Path start = folder.resolve("first").resolve("model").resolve("model");
        double[] alsoUnused = losses(
                new UnifiedStage(
                        model, start, new UnifiedStage.Settings(UnifiedStage.Trained.VISION, 2, 128, 0, 1, false, 0), 8, TinyCheckpoint.FP32,
                        TinyCheckpoint.tokenised(Tasks.GENERATION, 8), 1),
                loop(5, 5), folder.resolve("second"), false, -1);
        Path end = folder.resolve("second").resolve("model").resolve("model");
        int moved = 0;
        try (SafetensorsFile before = SafetensorsFile.open(start.resolve("model.safetensors"));
                SafetensorsFile after = SafetensorsFile.open(end.resolve("model.safetensors"))) {
            assertThat(after.tensors().keySet()).isEqualTo(before.tensors().keySet());
            for (String name : before.tensors().keySet()) {
                boolean vision = name.contains("mm_") || name.startsWith("model.layers.0.") || name.startsWith("model.layers.2.");
                boolean same = before.tensor(name).bytes().mismatch(after.tensor(name).bytes()) == -1;
                if (!vision) {
                    assertThat(same).as(name + " is as it was").isTrue();
                } else if (!same) {
                    moved++;
                }
            }
        }
        assertThat(moved).as("trained parameters that moved").isGreaterThan(20);
    }

    /** Tokenizer and VAE lie in mapped files, which training leaves as they are. */
    @ParameterizedTest
    @EnumSource(names = {"DECODER", "UNIFIED"})
    void frozenPartsStayAsTheyAre(Kind kind) throws IOException {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        Map<Path, byte[]> before = files(checkpoint);
        double[] unused = losses(kind.make(checkpoint, 8), loop(2, 2), folder.resolve("run"), false, -1);
        Map<Path, byte[]> after = files(checkpoint);
        assertThat(before.keySet()).anyMatch(file -> file.endsWith("projector.pt"));
        assertThat(after.keySet()).isEqualTo(before.keySet());
        after.forEach((file, bytes) -> assertThat(bytes).as(file.toString()).isEqualTo(before.get(file)));
    }

    private static Map<Path, byte[]> files(Path folder) throws IOException {
        Map<Path, byte[]> files = new TreeMap<>();
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                files.put(file, Files.readAllBytes(file));
            }
        }
        return files;
    }

    private static Stage tokenizer(Path model, long resetAfter, SampleSource source) {
        return new TokenizerStage(
                TokenizerConfig.read(model), TextTokenizer.load(model), null,
                new TokenizerStage.Settings(
                        4, TinyCheckpoint.GRID, 0.1, 2, 2, resetAfter, 1000, 1, 0.5, 5, 1, 32, TokenizerStage.Back.TRAINED, new AlignmentModel.Settings(16, 1, 2)),
                7, TinyCheckpoint.FP32, source, 1);
    }

    /** Ten steps with codes, of three micro-batches each. */
    @Test
    void stepsWithoutUseAreNotMicroBatches() {
        Path model = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint")).resolve("model");
        LoopSettings one = loop(12, 12);
        LoopSettings three = new LoopSettings(12, 3, 1e-2, one.schedule(), one.optimizer(), 0, 12, 1);
        double[] unused = losses(tokenizer(model, 0, TinyCheckpoint.signs(Tasks.UNDERSTANDING, 4)), three, folder.resolve("run"), false, -1);
        List<Byte> bytes = Objects.requireNonNull(state(folder.resolve("run")).get("buffer/unused"));
        ByteBuffer steps = ByteBuffer.allocate(bytes.size()).order(ByteOrder.LITTLE_ENDIAN);
        bytes.forEach(steps::put);
        List<Float> each = new ArrayList<>();
        for (steps.flip(); steps.hasRemaining(); ) {
            each.add(steps.getFloat());
        }
        assertThat(each).as("steps since each code was chosen").contains(0f, 9f).allSatisfy(s -> assertThat(s).isBetween(0f, 10f));
    }

    @Test
    void theTokenizerSkipsWhatItCannotBeAskedAbout() {
        Path model = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint")).resolve("model");
        SampleSource dialogues = TinyCheckpoint.signs(Tasks.UNDERSTANDING, 4);
        SampleSource captions = TinyCheckpoint.signs(Tasks.GENERATION, 4);
        SampleSource mixed = index -> switch ((int) (index % 3)) {
            case 0 -> dialogues.sample(index / 3);
            case 1 -> captions.sample(index / 3);
            default -> new Sample.Dialogue("two", List.of(
                    new Sample.Turn(Sample.Role.USER, List.of(
                            new Sample.Part.Shown(captions.sample(0).pictures().getFirst()), new Sample.Part.Shown(captions.sample(1).pictures().getFirst()))),
                    Sample.Turn.of(Sample.Role.ASSISTANT, "two signs")));
        };
        assertThat(losses(tokenizer(model, 0, mixed), loop(3, 3), folder.resolve("run"), false, -1)).hasSize(3);
        assertThat(MetricsFile.read(folder.resolve("run")).lines().stream().map(MetricsFile.Line::problem).filter(Objects::nonNull))
                .anyMatch(p -> p.contains("has a caption and no question")).anyMatch(p -> p.contains("has 2 pictures"));
    }

    /** Pictures of sizes that are rare leave their bucket before it is full, and weigh as much as they are. */
    @Test
    void aSmallBatchWeighsAsMuchAsItHas() {
        SampleSource growing = index -> new Sample.Generation("" + index, "", new Picture.Raw(new Pixels(4, 4 + (int) index)));
        try (PictureBatches batches = new PictureBatches(growing, 4, 1); PictureBatches full = new PictureBatches(TinyCheckpoint.signs(Tasks.GENERATION, 4), 4, 1)) {
            assertThat(batches.share(batches.next())).isEqualTo(0.25);
            assertThat(full.share(full.next())).isEqualTo(1);
        }
    }

    /** What is held out is scored as what is learned from, at the steps that are asked for, and changes nothing. */
    @Test
    void theLossOnWhatIsHeldOutIsMeasuredBeside() {
        Path model = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint")).resolve("model");
        var settings = new UnifiedStage.Settings(UnifiedStage.Trained.EVERYTHING, 2, 128, 0, 2, true, 0);
        for (boolean beside : new boolean[] {false, true}) {
            UnifiedStage.HeldOut heldOut = beside ? new UnifiedStage.HeldOut(TinyCheckpoint.tokenised(new Tasks(1, 1, 0, 0, 0), 4), 1, 5) : null;
            Stage stage = new UnifiedStage(
                    model, null, settings, 7, TinyCheckpoint.FP32, TinyCheckpoint.tokenised(new Tasks(1, 1, 0, 0, 0), 4), heldOut, 1);
            double[] unused = losses(stage, loop(12, 12), folder.resolve("run-" + beside), false, -1);
        }
        MetricsFile metrics = MetricsFile.read(folder.resolve("run-true"));
        assertThat(metrics.series("held_out_loss").steps()).containsExactly(0, 5, 10);
        double[] losses = metrics.series("held_out_loss").values();
        assertThat(losses[0]).as("the first batch, before the first step").isCloseTo(metrics.series("loss").values()[0], withinPercentage(0.01));
        assertThat(losses[2]).isLessThan(losses[0]);
        assertThat(metrics.series("held_out_text").values()).hasSize(3);
        assertThat(state(folder.resolve("run-true"))).isEqualTo(state(folder.resolve("run-false")));
    }
}
