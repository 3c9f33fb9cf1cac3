package org.xomni.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.image.Pixels;
import org.xomni.rl.Phases.Phase;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.train.Recipes;

/** Drawing on several threads at once. */
class DrawingTest {
    private static final Path CHECKPOINT = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh");
    private static final Path MODEL = CHECKPOINT.resolve("model");
    private static final int GROUP = 4;

    /** Three groups. */
    private static Drawing.Order order() {
        List<Prompt> prompts = IntStream.range(0, 3 * GROUP).mapToObj(i -> Prompt.of("sign " + i / GROUP, 48, 48 + i / GROUP % 2 * 16)).toList();
        long[] seeds = LongStream.range(0, prompts.size()).toArray();
        return new Drawing.Order(prompts, seeds, LongStream.of(seeds).map(s -> s / GROUP).toArray(), RolloutSampler.UNFILTERED, GROUP);
    }

    private static UnifiedModel model() {
        return Policy.frozen(UnifiedConfig.of(ConfigFile.read(MODEL.resolve("config.json"))), MODEL, Numerics.cpu(DType.FLOAT32));
    }

    private static Drawing.Drawings draw(UnifiedModel model, RolloutSampler sampler, FixedDecoder decoder, int threads, Phases phases) {
        try (Drawing drawing = new Drawing(sampler, decoder, threads)) {
            return drawing.draw(model, order(), phases);
        }
    }

    @Test
    void whatIsDrawnDoesNotDependOnTheNumberOfThreads() {
        int before = Engine.threads();
        Phases phases = new Phases();
        try (UnifiedModel model = model();
                RolloutSampler sampler = new RolloutSampler(MODEL, 3);
                FixedDecoder decoder = FixedDecoder.load(CHECKPOINT, new FixedDecoder.Settings(2, 1.0, Recipes.Precision.FLOAT32), "cpu")) {
            Drawing.Drawings alone = draw(model, sampler, decoder, 1, new Phases());
            for (int threads = 2; threads <= 4; threads++) {
                Drawing.Drawings together = draw(model, sampler, decoder, threads, phases);
                assertThat(together.rollouts()).as("tokens").extracting(Rollout::image).isEqualTo(alone.rollouts().stream().map(Rollout::image).toList());
                for (int i = 0; i < alone.pictures().size(); i++) {
                    assertThat(furthest(together.pictures().get(i), alone.pictures().get(i))).as("picture %d of %d threads", i, threads).isLessThanOrEqualTo(1);
                }
            }
        } finally {
            Engine.threads(before);
        }
        assertThat(phases.seconds(Phase.ROLLOUT)).isPositive();
        assertThat(phases.seconds(Phase.DECODE)).isPositive();
    }

    @Test
    void phasesAddUpToTheTimeThatPassesThoughThreadsAreIdle() {
        int before = Engine.threads();
        Phases phases = new Phases();
        TokenPainter slow = (prompts, rollouts, seeds) -> {
            if (!prompts.isEmpty()) {
                LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
            }
            return rollouts.stream().map(r -> new Pixels(1, 1)).toList();
        };
        Prompt prompt = Prompt.of("sign", 48, 48);
        Drawing.Order one = new Drawing.Order(List.of(prompt), new long[] {1}, new long[] {1}, RolloutSampler.UNFILTERED, GROUP);
        try (UnifiedModel model = model();
                RolloutSampler sampler = new RolloutSampler(MODEL, 8);
                Drawing drawing = new Drawing(sampler, slow, 4)) {
            long start = System.nanoTime();
            drawing.draw(model, one, phases);
            double passed = (System.nanoTime() - start) / 1e9;
            assertThat(phases.seconds(Phase.DECODE)).isGreaterThan(0.29);
            assertThat(phases.seconds(Phase.ROLLOUT) + phases.seconds(Phase.DECODE)).isBetween(0.3, passed);
        } finally {
            Engine.threads(before);
        }
    }

    /** The largest difference of two values, in levels: pictures that are decoded in other company may round differently. */
    private static int furthest(Pixels a, Pixels b) {
        assertThat(a.rgb()).hasSameSizeAs(b.rgb());
        return IntStream.range(0, a.rgb().length).map(i -> Math.abs((a.rgb()[i] & 0xFF) - (b.rgb()[i] & 0xFF))).max().orElse(0);
    }

    @Test
    void whatFailsOnAThreadFailsForTheCaller() {
        int before = Engine.threads();
        TokenPainter failing = (prompts, rollouts, seeds) -> {
            if (prompts.stream().anyMatch(p -> p.text().equals("sign 2"))) {
                throw new InputException("no paint left; buy some");
            }
            return rollouts.stream().map(r -> new Pixels(1, 1)).toList();
        };
        try (UnifiedModel model = model();
                RolloutSampler sampler = new RolloutSampler(MODEL, 8);
                Drawing drawing = new Drawing(sampler, failing, 2)) {
            assertThatThrownBy(() -> drawing.draw(model, order(), new Phases())).isInstanceOf(InputException.class).hasMessage("no paint left; buy some");
            assertThat(Engine.threads()).isEqualTo(2);
        } finally {
            Engine.threads(before);
        }
    }
}
