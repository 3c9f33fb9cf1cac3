package org.xomni.rl;

import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.SequenceEncoder;
import org.xomni.rl.prompt.PromptRecipe;
import org.xomni.rl.prompt.PromptSource;
import org.xomni.rl.reward.RewardRecipe;
import org.xomni.rl.reward.Rewards;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.text.ChatTemplate;
import org.xomni.text.TextTokenizer;
import org.xomni.train.Opening;
import org.xomni.train.Training;

/**
 * What a recipe's run holds, opened and owned.
 *
 * @param text of the self-reward's dialogues
 * @param heldOut null where the recipe has none
 */
public record GrpoParts(
        Policy policy,
        TextTokenizer text,
        RolloutSampler sampler,
        FixedDecoder decoder,
        Drawing drawing,
        PromptSource prompts,
        Rewards rewards,
        @Nullable HeldOut heldOut)
        implements AutoCloseable {
    /** Prompts that show whether a reward has anything to judge. */
    private static final int SOME = 256;

    /**
     * Opens everything that a recipe names.
     *
     * @param recipe the file, beside which its paths begin
     * @param device where the models are
     * @throws org.xomni.tensor.InputException if something is missing or does not fit
     */
    public static GrpoParts open(Path recipe, GrpoRecipe r, String device) {
        GrpoRecipe.Evaluation evaluation = r.heldOut();
        try (Opening opening = new Opening()) {
            Supplier<Policy> policy = () -> Policy.load(
                    config(recipe, r), start(recipe, r), r.lora() == null ? null : r.lora().lowRank(), r.seed(), Training.numerics(r.precision(), device));
            return open(recipe, r, policy, r.prompts(), evaluation, evaluation == null ? null : evaluation.settings(), opening);
        }
    }

    /**
     * Opens what a recipe names to evaluate models on its held-out prompts: nothing is trained.
     *
     * @param count of prompts
     * @param device where the models are
     * @throws org.xomni.tensor.InputException if the recipe has no held-out prompts, or something is missing or does not fit
     */
    public static GrpoParts toEvaluate(Path recipe, GrpoRecipe r, int count, String device) {
        GrpoRecipe.Evaluation evaluation = r.heldOut();
        if (evaluation == null) {
            throw new InputException(recipe + " has no held-out prompts; add held-out: {prompts: ..., count: 48, every: 10}");
        }
        if (r.rewards().stream().anyMatch(entry -> entry.reward() instanceof RewardRecipe.Self(RewardRecipe.Judge judge, _, _) && judge == RewardRecipe.Judge.POLICY)) {
            throw new InputException(recipe + " has a self-reward of which the policy of the moment is the judge, which measures nothing; say judge: reference");
        }
        try (Opening opening = new Opening()) {
            Supplier<Policy> policy = () -> {
                UnifiedModel start = Policy.frozen(config(recipe, r), start(recipe, r), Training.numerics(r.precision(), device));
                return new Policy(start, start, null);
            };
            return open(recipe, r, policy, evaluation.prompts(), evaluation, new HeldOut.Settings(count, 1, 0, false), opening);
        }
    }

    /** Prompts come first: what is wrong in their files shows before models are loaded, which may take long. */
    private static GrpoParts open(
            Path recipe,
            GrpoRecipe r,
            Supplier<Policy> loaded,
            PromptRecipe asked,
            GrpoRecipe.@Nullable Evaluation evaluation,
            HeldOut.@Nullable Settings settings,
            Opening opening) {
        Path folder = Training.beside(recipe, Path.of(""));
        Path checkpoint = Training.beside(recipe, r.checkpoint());
        Path model = checkpoint.resolve("model");
        RolloutSampler sampler = opening.add(new RolloutSampler(model, r.grpo().rows()));
        sampler.require(asked.sizes(folder));
        PromptSource prompts = asked.open(folder);
        PromptSource measured = null;
        if (evaluation != null && settings != null) {
            sampler.require(evaluation.prompts().sizes(folder));
            measured = evaluation.prompts().open(folder);
            measured.requireWithoutRepetition(settings.count());
        }
        Policy policy = opening.add(loaded.get());
        TextTokenizer text = opening.add(TextTokenizer.load(model));
        Supplier<SequenceEncoder> encoder =
                () -> new SequenceEncoder(policy.model().config(), text, ChatTemplate.load(model), SequenceEncoder.PromptDropping.NONE);
        Rewards rewards = opening.add(RewardRecipe.open(r.rewards(), new RewardRecipe.Run(folder, policy.model(), policy.reference(), encoder)));
        rewards.requireJudges(LongStream.range(0, SOME).mapToObj(prompts::prompt).toList());
        FixedDecoder decoder = opening.add(FixedDecoder.load(checkpoint, r.decoder(), policy.model().numerics().device()));
        Drawing drawing = opening.add(new Drawing(sampler, decoder, policy.model().numerics().onCpu() ? Engine.threads() : 1));
        HeldOut set = measured == null || settings == null ? null : opening.add(new HeldOut(measured, settings, r.seed(), drawing, rewards));
        return opening.done(new GrpoParts(policy, text, sampler, decoder, drawing, prompts, rewards, set));
    }

    private static UnifiedConfig config(Path recipe, GrpoRecipe r) {
        return UnifiedConfig.of(ConfigFile.read(Training.beside(recipe, r.checkpoint()).resolve("model").resolve("config.json")));
    }

    /** The folder of the weights that a run begins with. */
    public static Path start(Path recipe, GrpoRecipe r) {
        Path start = r.start();
        return start == null ? Training.beside(recipe, r.checkpoint()).resolve("model") : Training.beside(recipe, start);
    }

    /** The held-out set of {@link #toEvaluate}. */
    HeldOut requireHeldOut() {
        return Objects.requireNonNull(heldOut, "only a training recipe may go without");
    }

    /** The loop over these parts. */
    public GrpoLoop loop(GrpoRecipe r) {
        return new GrpoLoop(policy, drawing, prompts, rewards, r.grpo(), r.loop(), r.seed(), heldOut);
    }

    @Override
    public void close() {
        if (heldOut != null) {
            heldOut.close();
        }
        rewards.close();
        drawing.close();
        decoder.close();
        sampler.close();
        text.close();
        policy.close();
    }
}
