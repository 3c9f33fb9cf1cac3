package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.Vae;
import org.xomni.rl.prompt.PromptRecipe;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.train.Activations;
import org.xomni.train.DryRun;
import org.xomni.train.Fit;
import org.xomni.train.Part;
import org.xomni.train.RecipeFile;
import org.xomni.train.Training;

/** What a run of reinforcement learning would be: {@code xomni train grpo --dry-run}. Remote rewards are not asked. */
public final class GrpoDryRun {
    private GrpoDryRun() {}

    /**
     * Reads a recipe and everything that it names, except weights.
     *
     * @throws org.xomni.tensor.InputException if the recipe or a configuration cannot be used
     */
    public static DryRun of(Path recipe) {
        GrpoRecipe r = RecipeFile.read(recipe, GrpoRecipe.class).recipe();
        Fit fit = new Fit(recipe, r.checkpoint());
        UnifiedConfig config = UnifiedConfig.of(fit.model());
        DecoderConfig decoder = fit.decoder();
        fit.codes(config);
        fit.drawing(decoder);
        int unused = fit.text(config);
        Path folder = Training.beside(recipe, Path.of(""));
        fit.missing(r.prompts().missing(folder));
        if (r.heldOut() != null) {
            fit.missing(r.heldOut().prompts().missing(folder));
        }
        r.rewards().forEach(reward -> fit.missing(reward.reward().missing(folder)));
        int patch = fit.tokenizer().transform().patchSize();
        long tokens = sizes(r, folder).peek(size -> size.requireMultipleOf(patch)).mapToLong(size -> size.tokens(patch)).max().orElse(0);
        fit.image(config, tokens);
        fit.start(GrpoParts.start(recipe, r), config);
        fit.requireFrozenTokenizer();
        fit.requireWeights(fit.checkpoint().resolve("model").resolve("decoder"), "diffusion_pytorch_model");
        fit.requireWeights(fit.checkpoint().resolve("flux").resolve("vae"), "diffusion_pytorch_model");
        long rollouts = (long) Math.ceil((double) r.grpo().batch() / ((long) r.grpo().miniBatches() * r.loop().accumulate()));
        int bytes = DryRun.bytes(r.precision());
        Activations activations = Activations.ofTransformer(
                        config.hiddenSize(), (long) config.heads() * config.headWidth(), config.intermediateSize(), config.heads(), config.layers(),
                        rollouts, tokens, bytes)
                .and(Activations.ofScores(config.imageVocabSize(), rollouts * tokens, bytes));
        DryRun.Batch batch = new DryRun.Batch("tokens", r.grpo().batch() * tokens / r.loop().accumulate(), true);
        return new DryRun(
                GrpoTraining.STAGE, parts(r, fit, config, decoder), batch, activations, cache(config, r.grpo().rows(), tokens, bytes), r.precision(), r.loop(),
                fit.missing(), fit.problems());
    }

    /** Keys and values of all layers for so many rows of an image's tokens, which one thread draws; prompts come on top. */
    private static long cache(UnifiedConfig c, long rows, long tokens, int bytes) {
        return 2L * c.layers() * c.keyValueHeads() * c.headWidth() * rows * tokens * bytes;
    }

    /** Of what is drawn to learn from and of what is looked at on the way. */
    private static Stream<PromptRecipe.Size> sizes(GrpoRecipe r, Path folder) {
        Stream<PromptRecipe.Size> learnt = r.prompts().sizes(folder).stream();
        return r.heldOut() == null ? learnt : Stream.concat(learnt, r.heldOut().prompts().sizes(folder).stream());
    }

    private static List<Part> parts(GrpoRecipe r, Fit fit, UnifiedConfig config, DecoderConfig decoder) {
        List<Part> parts = new ArrayList<>();
        Numerics numerics = Training.numerics(r.precision(), "cpu");
        Numerics fixed = Training.numerics(r.decoder().precision(), "cpu");
        try (ParameterStore store = ParameterStore.shapes(numerics);
                UnifiedModel model = UnifiedModel.of(config, store);
                ParameterStore flux = ParameterStore.shapes(fixed);
                FluxTransformer transformer = new FluxTransformer(decoder, Conditioning.Kind.TOKENS_ONLY, flux);
                ParameterStore autoencoder = ParameterStore.shapes(fixed);
                Vae vae = new Vae(fit.vae(), autoencoder)) {
            parts.add(Part.of("policy", model.store(), name -> r.lora() == null));
            if (r.lora() != null) {
                parts.add(adapters(r.lora(), model));
            }
            parts.add(Part.frozen("reference", model.store()));
            parts.add(Part.frozen("decoder", transformer.parameters()));
            parts.add(Part.frozen("autoencoder", vae.parameters()));
        }
        parts.add(DryRun.frozenTokenizer(fit, fixed));
        return parts;
    }

    /** A and B of each target: rank times its inputs and outputs. */
    private static Part adapters(GrpoRecipe.Lora lora, UnifiedModel model) {
        long count = model.store().parameters().entrySet().stream()
                .filter(p -> lora.targets().stream().anyMatch(t -> p.getKey().endsWith(t + ".weight")))
                .mapToLong(p -> lora.rank() * (p.getValue().size(0) + p.getValue().size(1)))
                .sum();
        int bytes = model.numerics().weights().bytes();
        return new Part("adapters", count, count, count * bytes, bytes < Float.BYTES ? count : 0);
    }
}
