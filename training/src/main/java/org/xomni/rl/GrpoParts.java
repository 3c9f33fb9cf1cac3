package org.xomni.rl;

import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.data.SequenceEncoder;
import org.xomni.rl.prompt.PromptSource;
import org.xomni.rl.reward.RewardRecipe;
import org.xomni.rl.reward.Rewards;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.text.ChatTemplate;
import org.xomni.text.TextTokenizer;
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
        PromptSource prompts,
        Rewards rewards,
        @Nullable HeldOut heldOut)
        implements AutoCloseable {

    /**
     * Opens everything that a recipe names.
     *
     * @param recipe the file, beside which its paths begin
     * @throws org.xomni.tensor.InputException if something is missing or does not fit
     */
    public static GrpoParts open(Path recipe, GrpoRecipe r) {
        Path folder = Training.beside(recipe, Path.of(""));
        Path checkpoint = Training.beside(recipe, r.checkpoint());
        Path model = checkpoint.resolve("model");
        UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(model.resolve("config.json")));
        PromptSource prompts = r.prompts().open(folder);
        PromptSource heldOutPrompts = r.heldOut() == null ? null : r.heldOut().prompts().open(folder);
        Policy policy = Policy.load(
                config, start(recipe, r), r.lora() == null ? null : r.lora().lowRank(), r.seed(), Training.numerics(r.precision()));
        TextTokenizer text = TextTokenizer.load(model);
        Supplier<SequenceEncoder> encoder =
                () -> new SequenceEncoder(config, text, ChatTemplate.load(model), SequenceEncoder.PromptDropping.NONE);
        Rewards rewards = RewardRecipe.open(r.rewards(), new RewardRecipe.Models(policy.model(), policy.reference(), encoder));
        RolloutSampler sampler = new RolloutSampler(model, r.grpo().rows());
        FixedDecoder decoder = FixedDecoder.load(checkpoint, r.decoder(), Numerics.cpu(DType.FLOAT32));
        HeldOut heldOut = r.heldOut() == null || heldOutPrompts == null ? null
                : new HeldOut(heldOutPrompts, r.heldOut().settings(), r.seed(), sampler, decoder, rewards);
        return new GrpoParts(policy, text, sampler, decoder, prompts, rewards, heldOut);
    }

    /** The folder of the weights that a run begins with. */
    public static Path start(Path recipe, GrpoRecipe r) {
        Path start = r.start();
        return start == null ? Training.beside(recipe, r.checkpoint()).resolve("model") : Training.beside(recipe, start);
    }

    /** The loop over these parts. */
    public GrpoLoop loop(GrpoRecipe r) {
        return new GrpoLoop(policy, sampler, decoder, prompts, rewards, r.grpo(), r.loop(), r.seed(), heldOut);
    }

    @Override
    public void close() {
        if (heldOut != null) {
            heldOut.close();
        }
        rewards.close();
        decoder.close();
        sampler.close();
        text.close();
        policy.close();
    }
}
