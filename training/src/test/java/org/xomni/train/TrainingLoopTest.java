package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.xomni.train.SmallStages.loop;
import static org.xomni.train.SmallStages.losses;
import static org.xomni.train.SmallStages.state;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.data.BrokenSample;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;
import org.xomni.train.SmallStages.Kind;

/** What the loop does around any stage: what stops a run, what it says, and what is there afterwards. */
class TrainingLoopTest {
    @TempDir
    Path folder;

    /** As {@code stage}, but that its loss is no number in step {@code at}. */
    private record Spoiled(Stage stage, long at) implements Stage {
        @Override
        public List<ParameterGroup> groups() {
            return stage.groups();
        }

        @Override
        public Loss gradients(long step, int microBatch, int accumulate) {
            Loss loss = stage.gradients(step, microBatch, accumulate);
            return step == at ? new Loss(loss.total().mul(new Scalar(Double.NaN)), loss.share(), loss.parts(), loss.samples(), loss.tokens()) : loss;
        }

        @Override
        public String position() {
            return stage.position();
        }

        @Override
        public void resume(String position) {
            stage.resume(position);
        }

        @Override
        public void export(Path to, Map<String, Tensor> weights) {
            stage.export(to, weights);
        }

        @Override
        public void close() {
            stage.close();
        }
    }

    @Test
    void aLossThatIsNoNumberStopsBeforeItIsLearnedFrom() throws IOException {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        Path run = folder.resolve("run");
        assertThatThrownBy(() -> losses(new Spoiled(Kind.AUTOENCODER.make(checkpoint, 1000), 4), loop(12, 1), run, false, -1))
                .isInstanceOf(XOmniException.class)
                .hasMessageContaining("step 5: the loss is NaN")
                .hasMessageContaining("whole");
        assertThat(new Snapshots(run).newest()).hasValueSatisfying(found -> assertThat(found.step()).isEqualTo(4));
        assertThat(MetricsFile.read(run).lines()).last().satisfies(line -> assertThat(line.problem()).contains("the loss is NaN"));
        // Whoever goes on from there ends as if nothing had happened.
        double[] rest = losses(Kind.AUTOENCODER.make(checkpoint, 1000), loop(12, 3), run, true, -1);
        assertThat(rest).hasSize(8);
        double[] unused = losses(Kind.AUTOENCODER.make(checkpoint, 1000), loop(12, 3), folder.resolve("whole"), false, -1);
        assertThat(state(run)).isEqualTo(state(folder.resolve("whole")));
    }

    @Test
    void aRunThatGoesOnWithOtherThreadsSaysSo() {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        Path run = folder.resolve("run");
        int threads = Engine.threads();
        List<String> told = new ArrayList<>();
        try {
            for (int now : new int[] {2, 2, 1}) {
                Engine.threads(now);
                try (Stage stage = Kind.AUTOENCODER.make(checkpoint, 4)) {
                    TrainingLoop.run(stage, loop(6, 1), run, true, new RunListener() {
                        private long steps;

                        @Override
                        public void noticed(String what) {
                            told.add(what);
                        }

                        @Override
                        public void stepped(long step, Map<String, Double> metrics) {
                            steps++;
                        }

                        @Override
                        public boolean stop() {
                            return steps == 2;
                        }
                    });
                }
            }
        } finally {
            Engine.threads(threads);
        }
        assertThat(told).singleElement().asString().contains("--threads 2", "--threads 1");
    }

    /** Every other sample has no picture: they are counted on over an interruption, and the first are named. */
    @Test
    void whatCannotBeUsedIsCountedAndNamed() throws IOException {
        Path vae = TinyCheckpoint.withFrozenParts(folder.resolve("tiny")).resolve("flux").resolve("vae");
        SampleSource signs = TinyCheckpoint.signs(Tasks.GENERATION, 4);
        SampleSource source = index -> {
            if (index % 2 == 1) {
                throw new BrokenSample("record " + index + " is torn");
            }
            return signs.sample(index);
        };
        Path run = folder.resolve("run");
        for (boolean resume : new boolean[] {false, true}) {
            Stage stage = new AutoencoderStage(
                    ConfigFile.read(vae.resolve("config.json")), new AutoencoderStage.Settings(4, 32, 0.5, 1e-4), 7, TinyCheckpoint.FP32, source, 1);
            losses(stage, loop(4, 1), run, resume, 2);
        }
        MetricsFile metrics = MetricsFile.read(run);
        // Four crops a step are of samples 0, 2, 4 and 6, then 8 to 14: what is broken after the last was not looked at.
        assertThat(metrics.series("records_skipped").values()).containsExactly(3, 7, 11, 15);
        assertThat(metrics.lines().stream().map(MetricsFile.Line::problem).filter(Objects::nonNull)).first().asString().contains("record 1 is torn");
    }

    @Test
    void aRunIsNotOverwritten() {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        double[] unused = losses(Kind.AUTOENCODER.make(checkpoint, 4), loop(3, 3), folder.resolve("run"), false, -1);
        assertThatThrownBy(() -> losses(Kind.AUTOENCODER.make(checkpoint, 4), loop(6, 3), folder.resolve("run"), false, -1))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("step 3")
                .hasMessageContaining("--resume");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5})
    void aFinishedRunThatIsResumedExportsTheSameAgain(double ema) throws IOException {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        LoopSettings plain = loop(3, 3);
        LoopSettings loop = new LoopSettings(3, 1, 1e-2, plain.schedule(), plain.optimizer(), ema, 3, 1);
        Path run = folder.resolve("run");
        assertThat(losses(Kind.AUTOENCODER.make(checkpoint, 4), loop, run, false, -1)).hasSize(3);
        Path weights = run.resolve("model").resolve("flux").resolve("vae").resolve("diffusion_pytorch_model.safetensors");
        byte[] trained = Files.readAllBytes(weights);
        Files.delete(weights);
        assertThat(losses(Kind.AUTOENCODER.make(checkpoint, 4), loop, run, true, -1)).isEmpty();
        assertThat(Files.readAllBytes(weights)).isEqualTo(trained);
    }
}
