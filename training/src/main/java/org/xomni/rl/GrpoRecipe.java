package org.xomni.rl;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xomni.data.signs.Split;
import org.xomni.rl.prompt.PromptRecipe;
import org.xomni.rl.reward.RewardRecipe;
import org.xomni.tensor.InputException;
import org.xomni.tensor.LowRank;
import org.xomni.train.Default;
import org.xomni.train.LoopSettings;
import org.xomni.train.Recipes;

/**
 * {@code train grpo}. Paths are relative to the recipe.
 *
 * @param checkpoint the folder with {@code model/} and {@code flux/}: configurations, tokenizers and the fixed decoder
 * @param start a folder with the unified model's weights to begin from, which are also the reference; by default the checkpoint's own
 * @param seed of rollouts and noise
 * @param precision of policy and reference
 * @param decoder how pixels are made
 * @param rewards terms of the weighted sum
 * @param lora adapters to train instead of all weights, or none
 * @param heldOut what is looked at on the way, or nothing
 * @param loop where a step is a batch of rollouts, and {@code accumulate} the micro-batches of an update
 */
public record GrpoRecipe(
        Path checkpoint,
        @Nullable Path start,
        long seed,
        @Default("float32") Recipes.Precision precision,
        @Default("{}") FixedDecoder.Settings decoder,
        PromptRecipe prompts,
        List<RewardRecipe.Entry> rewards,
        GrpoSettings grpo,
        @Nullable Lora lora,
        @Nullable Evaluation heldOut,
        LoopSettings loop) {
    public GrpoRecipe {
        if (rewards.isEmpty()) {
            throw new InputException("rewards is empty; name at least one, such as {weight: 1, reward: ocr}");
        }
        List<String> names = rewards.stream().map(RewardRecipe.Entry::named).toList();
        if (Set.copyOf(names).size() < names.size()) {
            throw new InputException("two of the rewards " + names + " have the same name; give one of them another with 'name'");
        }
        if (lora != null && grpo.scaleRate() > 0) {
            throw new InputException("scale-rate " + grpo.scaleRate() + " would train the norm before the image head, and with lora nothing but adapters is trained; leave one of them out");
        }
        if (prompts.splits().stream().anyMatch(Split::isHeldOut)) {
            throw new InputException("prompts with a held-out split are what is measured on; train on train or practice");
        }
    }

    /** The same with another held-out set, or none. */
    public GrpoRecipe with(@Nullable Evaluation other) {
        return new GrpoRecipe(checkpoint, start, seed, precision, decoder, prompts, rewards, grpo, lora, other, loop);
    }

    /**
     * Adapters; see {@link LowRank}.
     *
     * @param targets names of layers
     */
    public record Lora(int rank, double alpha, @Default("[q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]") List<String> targets) {
        /** Checks it. */
        public Lora {
            LowRank unused = new LowRank(rank, alpha, Set.copyOf(targets));
        }

        LowRank lowRank() {
            return new LowRank(rank, alpha, Set.copyOf(targets));
        }
    }

    /**
     * The held-out set; see {@link HeldOut.Settings}.
     *
     * @param prompts that are not trained on
     */
    public record Evaluation(PromptRecipe prompts, int count, long every, @Default("16") int shown, @Default("false") boolean keepModels) {
        /** Checks it. */
        public Evaluation {
            HeldOut.Settings unused = new HeldOut.Settings(count, every, shown, keepModels);
            if (!prompts.splits().stream().allMatch(Split::isHeldOut)) {
                throw new InputException("held-out prompts are of the split " + prompts.splits() + ", which is trained on; add split: held-out to them");
            }
        }

        HeldOut.Settings settings() {
            return new HeldOut.Settings(count, every, shown, keepModels);
        }
    }
}
