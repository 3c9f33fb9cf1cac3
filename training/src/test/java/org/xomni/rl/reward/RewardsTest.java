package org.xomni.rl.reward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.data.SequenceEncoder;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Shape;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.rl.Policy;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;
import org.xomni.text.ChatTemplate;
import org.xomni.text.Message;
import org.xomni.text.Span;
import org.xomni.text.TextTokenizer;

/** Rewards that need no server, and their sum. */
class RewardsTest {
    private static final ImageTokens TOKENS = new ImageTokens(2, 3, new int[] {1, 2, 3, 4, 5, 6});

    private static Scene sign(Colour background, String... lines) {
        Optional<Scene.Text> text = lines.length == 0 ? Optional.empty()
                : Optional.of(new Scene.Text(List.of(lines), Colour.WHITE, Place.Row.MIDDLE));
        Shape shape = new Shape(Shape.Kind.CIRCLE, Colour.YELLOW, new Place(Place.Row.TOP, Place.Column.LEFT));
        return new Scene(128, 128, background, Optional.empty(), text, List.of(shape));
    }

    private static Drawn drawn(Scene shown, Scene asked) {
        Optional<String> written = asked.text().map(t -> String.join("\n", t.lines()));
        return new Drawn(new Prompt("a sign", 128, 128, written, Optional.of(asked)), Painter.paint(shown), TOKENS);
    }

    @Test
    void textCountsBothWays() {
        Scene asked = sign(Colour.BLUE, "OPEN");
        try (OcrAccuracy reward = new OcrAccuracy(new TextReader(), 0.3, 1); OcrAccuracy plain = new OcrAccuracy(new TextReader(), 0, 1)) {
            List<Drawn> pictures = List.of(
                    drawn(asked, asked), drawn(sign(Colour.BLUE, "OPEN", "OPEN"), asked), drawn(sign(Colour.BLUE, "OPIN"), asked), drawn(sign(Colour.BLUE), asked));
            double[] scores = reward.score(pictures);
            assertThat(scores[0]).as("right").isGreaterThan(0.9);
            assertThat(scores[1]).as("repeated text costs, substrings earn nothing").isLessThan(scores[0] - 0.25);
            assertThat(scores[2]).as("a wrong letter").isBetween(scores[3], scores[0] - 0.1);
            assertThat(scores[3]).as("no text").isLessThan(0.1);
            assertThat(plain.score(pictures)[0]).isEqualTo(1);
            assertThat(reward.judges(pictures.getFirst().prompt())).isTrue();
            assertThat(reward.judges(Prompt.of("a cat", 128, 128))).isFalse();
        }
    }

    private static double[] fidelity(double whole, boolean textPlace, List<Drawn> pictures) {
        try (SignsFidelity reward = new SignsFidelity(whole, textPlace, 2)) {
            return reward.score(pictures);
        }
    }

    @Test
    void looksCountWithoutText() {
        Scene asked = sign(Colour.BLUE, "OPEN");
        List<Drawn> pictures = List.of(drawn(asked, asked), drawn(sign(Colour.BLUE, "SHUT"), asked), drawn(sign(Colour.GREEN, "OPEN"), asked));
        double[] scores = fidelity(0, false, pictures);
        assertThat(scores[0]).isEqualTo(1);
        assertThat(scores[1]).as("other words look the same").isEqualTo(1);
        assertThat(scores[2]).as("another background").isBetween(0.5, 0.9);
        assertThat(fidelity(1, false, pictures)).as("all or nothing").containsExactly(1, 1, 0);
        assertThat(fidelity(0.5, false, pictures)).as("half of it").containsExactly(1, 1, scores[2] / 2);
    }

    @Test
    void theHeightOfTextCountsIfAskedFor() {
        Scene asked = sign(Colour.BLUE, "OPEN");
        Scene.Text text = asked.text().orElseThrow();
        Scene moved = new Scene(asked.height(), asked.width(), asked.background(), asked.border(),
                Optional.of(new Scene.Text(text.lines(), text.colour(), Place.Row.TOP)), asked.shapes());
        List<Drawn> pictures = List.of(drawn(asked, asked), drawn(moved, asked));
        double[] without = fidelity(0, false, pictures);
        double[] with = fidelity(0, true, pictures);
        assertThat(with[0]).isEqualTo(1);
        // The colour of text is looked for where text was asked for, so that it is wrong in both.
        assertThat(without[1]).isEqualTo(6.0 / 7);
        assertThat(with[1]).isEqualTo(6.0 / 8);
    }

    /** The chat that the model would be asked in, scored id by id. */
    @Test
    void theSelfRewardIsTheProbabilityOfThePromptAsAnAnswer() {
        Path folder = Path.of(System.getProperty("xomni.fixtures")).resolve("tiny-zh").resolve("model");
        UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(folder.resolve("config.json")));
        try (UnifiedModel model = Policy.frozen(config, folder, Numerics.cpu(DType.FLOAT32)); TextTokenizer text = TextTokenizer.load(folder)) {
            ChatTemplate template = ChatTemplate.load(folder);
            SequenceEncoder encoder = new SequenceEncoder(config, text, template, SequenceEncoder.PromptDropping.NONE);
            SelfReward reward = new SelfReward(model, encoder, "What is it?", 2);
            List<String> prompts = List.of("a cat", "a longer prompt about a dog", "a bird");
            double[] scores = reward.score(prompts.stream().map(p -> new Drawn(Prompt.of(p, 32, 48), new Pixels(32, 48), TOKENS)).toList());
            for (int i = 0; i < scores.length; i++) {
                assertThat(scores[i]).isCloseTo(byHand(model, config, text, template, prompts.get(i)), within(1e-5));
            }
        }
    }

    private static double byHand(UnifiedModel model, UnifiedConfig config, TextTokenizer text, ChatTemplate template, String prompt) {
        Vocabulary vocabulary = new Vocabulary(config, text);
        int[] context = template.encode(
                List.of(new Message("user", List.of(
                        new Span.Ids(vocabulary.image(TOKENS)), new Span.Trusted("\n"), new Span.Plain("What is it?")))),
                true, text);
        int[] said = text.encode(prompt);
        int[] answer = Arrays.copyOf(said, said.length + 1);
        answer[said.length] = vocabulary.endOfTurn();
        int[] all = Arrays.copyOf(context, context.length + answer.length);
        System.arraycopy(answer, 0, all, context.length, answer.length);
        double sum = 0;
        try (Scope scope = Scope.inference()) {
            float[] scores = Tensors.floats(model.logits(model.forward(Tensors.ids(all).unsqueeze(0)), Head.TEXT).log_softmax(2));
            for (int i = 0; i < answer.length; i++) {
                sum += scores[(context.length + i - 1) * config.vocabSize() + answer[i]];
            }
        }
        return Math.exp(sum / answer.length);
    }

    @Test
    void theSumIsWeightedScaledAndLeavesOutWhatIsNotJudged() {
        Reward index = drawn -> drawn.stream().mapToDouble(d -> d.tokens().ids()[0]).toArray();
        Reward onlyText = new Reward() {
            @Override
            public boolean judges(Prompt prompt) {
                return prompt.written().isPresent();
            }

            @Override
            public double[] score(List<Drawn> drawn) {
                return drawn.stream().mapToDouble(d -> 5).toArray();
            }
        };
        Prompt text = new Prompt("text", 16, 16, Optional.of("A"), Optional.empty());
        Prompt none = Prompt.of("none", 16, 16);
        List<Drawn> drawn = List.of(of(text, 2), of(text, 4), of(none, 6), of(none, 6));
        Rewards rewards = new Rewards(List.of(
                new WeightedReward("index", index, 2, new Scale.Range(2, 4), null, new OnFailure.Stop()),
                new WeightedReward("group", index, 1, new Scale.Group(), null, new OnFailure.Stop()),
                new WeightedReward("text", onlyText, 10, new Scale.None(), null, new OnFailure.Stop())));
        Rewards.Scores scores = rewards.score(drawn, 2);
        assertThat(scores.total()).containsExactly(2 * 0 - 1 + 50, 2 * 1 + 1 + 50, 2 * 2 + 0, 2 * 2 + 0);
        assertThat(scores.mean("text")).isEqualTo(5);
        assertThat(Objects.requireNonNull(scores.parts().get("text"))[2]).isNaN();
        assertThat(scores.absolute()).containsExactly(0 + 2 + 50, 2 + 4 + 50, 4 + 6, 4 + 6);
        // Half of the distance of the two in the first group, nothing in the second.
        assertThat(scores.deviationInGroups(2)).isEqualTo((2.0 + 0) / 2);
    }

    @Test
    void theSamePictureForTheSamePromptIsJudgedOnce() {
        Prompt one = new Prompt("a sign", 128, 128, Optional.of("OPEN"), Optional.empty());
        Prompt other = new Prompt("another sign", 128, 128, Optional.of("OPEN"), Optional.empty());
        List<Drawn> judged = new ArrayList<>();
        Reward index = pictures -> {
            judged.addAll(pictures);
            return pictures.stream().mapToDouble(d -> d.tokens().ids()[0]).toArray();
        };
        Rewards rewards = new Rewards(List.of(new WeightedReward("index", index, 1, new Scale.None(), null, new OnFailure.Stop())));
        assertThat(rewards.score(List.of(of(one, 2), of(one, 4), of(one, 2), of(other, 2)), 1).total()).containsExactly(2, 4, 2, 2);
        assertThat(judged).containsExactly(of(one, 2), of(one, 4), of(other, 2));
    }

    /** Two servers and this machine that wait for each other: asked one after the other, none would ever answer. */
    @Test
    @Timeout(60)
    void serversAreAskedAtTheSameTimeAndBesideThisMachine() {
        CyclicBarrier meeting = new CyclicBarrier(3);
        Rewards rewards = new Rewards(List.of(
                weighted("local", meets(meeting, false, 1), 1), weighted("one", meets(meeting, true, 2), 10), weighted("two", meets(meeting, true, 3), 100)));
        assertThat(rewards.score(List.of(of(Prompt.of("a sign", 16, 16), 1)), 1).total()).containsExactly(321);
    }

    @Test
    @Timeout(60)
    void whenAServerFailsOthersAreNotWaitedFor() {
        Reward fails = remote(drawn -> {
            throw new XOmniException("no answer");
        });
        Reward sleeps = remote(drawn -> {
            LockSupport.parkNanos(Duration.ofHours(1).toNanos());
            return new double[] {1};
        });
        List<WeightedReward> both = List.of(weighted("fails", fails, 1), weighted("sleeps", sleeps, 1));
        for (List<WeightedReward> order : List.of(both, both.reversed())) {
            assertThatThrownBy(() -> new Rewards(order).score(List.of(of(Prompt.of("a sign", 16, 16), 1)), 1))
                    .isInstanceOf(RewardFailed.class)
                    .hasMessageContaining("reward fails failed: no answer");
        }
    }

    private static Rewards failing(OnFailure onFailure, @Nullable Duration timeout, Reward reward) {
        return new Rewards(List.of(new WeightedReward("it", reward, 2, new Scale.None(), timeout, onFailure)));
    }

    @Test
    void failedScoringIsRepeatedAsTheRecipeSays() {
        List<Drawn> drawn = List.of(of(Prompt.of("a sign", 16, 16), 1));
        AtomicInteger calls = new AtomicInteger();
        Reward secondTime = pictures -> new double[] {calls.incrementAndGet() == 1 ? Double.NaN : 1};
        assertThat(failing(new OnFailure.Retry(2), null, secondTime).score(drawn, 1).total()).containsExactly(2);
        calls.set(0);
        Reward never = pictures -> {
            throw new IllegalArgumentException("attempt " + calls.incrementAndGet());
        };
        // What a reward throws is its failure, whatever it is.
        assertThatThrownBy(() -> failing(new OnFailure.Retry(3), null, never).score(drawn, 1))
                .isInstanceOfSatisfying(RewardFailed.class, e -> assertThat(e.skipsStep()).isFalse())
                .hasMessageContaining("after 3 attempts").hasMessageContaining("attempt 3");
        assertThatThrownBy(() -> failing(new OnFailure.SkipStep(), null, never).score(drawn, 1))
                .isInstanceOfSatisfying(RewardFailed.class, e -> assertThat(e.skipsStep()).isTrue());
    }

    /** A reward of this machine may use what is trained or freed next, so its time-out waits until it has stopped, which is a picture later. */
    @Test
    @Timeout(60)
    void aLocalRewardThatIsLateHasStoppedWhenItFails() {
        AtomicInteger begun = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        Threads threads = new Threads("slow", 2);
        Reward slow = pictures -> threads.score(pictures, d -> {
            begun.incrementAndGet();
            // As a native call that hears no interruption.
            long end = System.nanoTime() + Duration.ofMillis(300).toNanos();
            while (System.nanoTime() < end) {
                Thread.onSpinWait();
            }
            ended.incrementAndGet();
            return 1;
        });
        Prompt prompt = Prompt.of("a sign", 16, 16);
        List<Drawn> drawn = IntStream.range(0, 50).mapToObj(i -> of(prompt, i)).toList();
        assertThatThrownBy(() -> failing(new OnFailure.SkipStep(), Duration.ofMillis(100), slow).score(drawn, 50))
                .isInstanceOf(RewardFailed.class).hasMessageContaining("it took longer than 0.1 s");
        assertThat(begun.get()).as("pictures that were begun").isBetween(1, 6).isEqualTo(ended.get());
    }

    private static WeightedReward weighted(String name, Reward reward, double weight) {
        return new WeightedReward(name, reward, weight, new Scale.None(), null, new OnFailure.Stop());
    }

    private static Reward meets(CyclicBarrier meeting, boolean remote, double score) {
        Reward waits = drawn -> {
            try {
                int unused = meeting.await();
                return new double[] {score};
            } catch (InterruptedException | BrokenBarrierException e) {
                throw new XOmniException("they have not met", e);
            }
        };
        return remote ? remote(waits) : waits;
    }

    private static Reward remote(Reward reward) {
        return new Reward() {
            @Override
            public boolean isRemote() {
                return true;
            }

            @Override
            public double[] score(List<Drawn> drawn) {
                return reward.score(drawn);
            }
        };
    }

    private static Drawn of(Prompt prompt, int token) {
        return new Drawn(prompt, new Pixels(16, 16), new ImageTokens(1, 1, new int[] {token}));
    }

    @Test
    void aRewardThatJudgesNothingIsNamed() {
        Reward text = new Reward() {
            @Override
            public boolean judges(Prompt prompt) {
                return prompt.written().isPresent();
            }

            @Override
            public double[] score(List<Drawn> drawn) {
                return new double[drawn.size()];
            }
        };
        Rewards rewards = new Rewards(List.of(weighted("always", drawn -> new double[drawn.size()], 1), weighted("text", text, 1)));
        Prompt cat = Prompt.of("a cat", 16, 16);
        rewards.requireJudges(List.of(cat, new Prompt("a sign", 16, 16, Optional.of("OPEN"), Optional.empty())));
        assertThatThrownBy(() -> rewards.requireJudges(List.of(cat, cat)))
                .isInstanceOf(InputException.class).hasMessageContaining("the reward 'text' judges none of the first 2 prompts");
    }
}
