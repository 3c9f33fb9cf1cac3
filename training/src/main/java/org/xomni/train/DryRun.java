package org.xomni.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.Vae;
import org.xomni.decoder.VaeConfig;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tokenizer.EncoderConfig;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.tokenizer.VectorQuantizer;
import org.xomni.tokenizer.VisionTransformer;

/**
 * What a run would be: {@code xomni train STAGE --recipe FILE --dry-run}. All models are built with shapes and without memory, and only
 * configurations and headers are read, so that a recipe for a cluster is checked in seconds on a laptop that has none of its weights.
 *
 * @param stage one of {@link Training#STAGES}
 * @param parts all models that the run holds
 * @param batch of one step
 * @param activations what a micro-batch leaves for the backward pass
 * @param cache bytes of keys and values of what the run draws side by side; 0 if it draws nothing
 * @param precision of what is trained
 * @param loop steps and learning rate
 * @param missing files that the run would need and that are not there yet
 * @param problems why it could not run, one line each
 */
public record DryRun(
        String stage,
        List<Part> parts,
        Batch batch,
        Activations activations,
        long cache,
        Recipes.Precision precision,
        LoopSettings loop,
        List<String> missing,
        List<String> problems) {
    private static final Numerics FROZEN = Numerics.cpu(DType.FLOAT32);

    /**
     * What one micro-batch holds.
     *
     * @param unit {@code tokens} or {@code pixels}
     * @param amount of a micro-batch
     * @param atMost whether smaller pictures make it smaller
     */
    public record Batch(String unit, long amount, boolean atMost) {}

    /**
     * Reads a recipe and everything that it names, except weights and data.
     *
     * @throws InputException if the recipe or a configuration cannot be used
     */
    public static DryRun of(String stage, Path recipe) {
        return switch (stage) {
            case "tokenizer" -> tokenizer(recipe, RecipeFile.read(recipe, Recipes.Tokenizer.class).recipe());
            case "autoencoder" -> autoencoder(recipe, RecipeFile.read(recipe, Recipes.Autoencoder.class).recipe());
            case "decoder" -> decoder(recipe, RecipeFile.read(recipe, Recipes.Decoder.class).recipe());
            case "pretrain", "sft" -> unified(stage, recipe, RecipeFile.read(recipe, Recipes.Unified.class).recipe());
            default -> throw new InputException("stage '" + stage + "' is not known; use one of " + Training.STAGES + ", or grpo");
        };
    }

    private static DryRun tokenizer(Path recipe, Recipes.Tokenizer r) {
        Fit fit = new Fit(recipe, r.checkpoint());
        TokenizerConfig config = fit.tokenizer();
        EncoderConfig encoder = config.encoder();
        TokenizerStage.Settings s = r.stage();
        int vocabulary = fit.text(UnifiedConfig.of(fit.model()));
        fit.data(r.data());
        if (r.start() != null) {
            fit.requireFile(Training.beside(recipe, r.start()));
        }
        List<Part> parts = new ArrayList<>();
        try (ParameterStore vit = shapes(r.precision());
                ParameterStore quantizer = shapes(r.precision());
                ParameterStore language = shapes(r.precision());
                ParameterStore painter = shapes(r.precision())) {
            VisionTransformer unused = VisionTransformer.of(vit.root(), encoder.vit(), s.grid());
            parts.add(Part.trained("ViT", vit));
            VectorQuantizer alsoUnused = VectorQuantizer.of(quantizer.root(), encoder);
            parts.add(Part.trained("quantiser", quantizer));
            AlignmentModel model = new AlignmentModel(s.model(), encoder.zChannels(), vocabulary, language);
            parts.add(Part.trained("language model", model.store()));
            parts.add(Part.trained("patch painter",
                    PatchPainter.of(painter, encoder.codebookDim(), s.painterWidth(), encoder.vit().patchSize()).store()));
        }
        long length = fit.mostTokens(r.data());
        int width = s.model().width();
        long asked = Math.round(s.batch() * s.languageShare());
        Activations activations = Activations.ofVit(encoder.vit(), s.batch(), length, bytes(r.precision())).and(Activations.ofTransformer(
                width, width, 8 * width / 3, s.model().heads(), s.model().layers(), asked, length, bytes(r.precision())));
        return new DryRun("tokenizer", parts, new Batch("tokens", s.batch() * length, true), activations, 0, r.precision(), r.loop(),
                fit.missing(), fit.problems());
    }

    private static DryRun autoencoder(Path recipe, Recipes.Autoencoder r) {
        Fit fit = new Fit(recipe, r.checkpoint());
        VaeConfig config = fit.vae();
        fit.data(r.data());
        AutoencoderStage.requireCrop(r.stage(), config);
        List<Part> parts = new ArrayList<>();
        try (ParameterStore store = shapes(r.precision()); Vae vae = new Vae(config, store)) {
            parts.add(Part.trained("autoencoder", vae.parameters()));
        }
        long pixels = (long) r.stage().batch() * r.stage().crop() * r.stage().crop();
        return new DryRun("autoencoder", parts, new Batch("pixels", pixels, false),
                Activations.ofAutoencoder(config, pixels, bytes(r.precision())), 0, r.precision(), r.loop(), fit.missing(), fit.problems());
    }

    private static DryRun decoder(Path recipe, Recipes.Decoder r) {
        Fit fit = new Fit(recipe, r.checkpoint());
        DecoderConfig config = fit.decoder();
        fit.drawing(config);
        fit.data(r.data());
        if (r.start() != null) {
            fit.requireWeights(Training.beside(recipe, r.start()), "diffusion_pytorch_model");
        }
        List<Part> parts = new ArrayList<>();
        try (ParameterStore store = shapes(r.precision());
                FluxTransformer transformer = new FluxTransformer(config, Conditioning.Kind.TOKENS_ONLY, store);
                ParameterStore frozen = ParameterStore.shapes(FROZEN);
                Vae vae = new Vae(fit.vae(), frozen)) {
            parts.add(Part.trained("decoder", transformer.parameters()));
            parts.add(Part.frozen("autoencoder", vae.parameters()));
        }
        parts.add(frozenTokenizer(fit));
        fit.requireFrozenTokenizer();
        fit.requireWeights(fit.checkpoint().resolve("flux").resolve("vae"), "diffusion_pytorch_model");
        long length = fit.mostTokens(r.data());
        Activations activations = Activations.ofFlux(config, r.stage().batch(), length, bytes(r.precision()));
        return new DryRun("decoder", parts, new Batch("tokens", r.stage().batch() * length, true), activations, 0, r.precision(), r.loop(),
                fit.missing(), fit.problems());
    }

    private static DryRun unified(String stage, Path recipe, Recipes.Unified r) {
        Fit fit = new Fit(recipe, r.checkpoint());
        UnifiedConfig config = UnifiedConfig.of(fit.model());
        UnifiedStage.Settings s = r.stage();
        fit.codes(config);
        fit.rows(config, s.length(), r.data());
        int unused = fit.text(config);
        fit.data(r.data());
        if (r.heldOut() != null) {
            fit.data(r.heldOut().data());
        }
        if (r.start() != null) {
            fit.start(Training.beside(recipe, r.start()), config);
        }
        List<Part> parts = new ArrayList<>();
        try (ParameterStore store = shapes(r.precision()); UnifiedModel model = UnifiedModel.of(config, store)) {
            parts.add(Part.of("unified model", model.store(), UnifiedStage.trained(config, s.trained())));
        }
        if (r.data().hasPixels()) {
            parts.add(frozenTokenizer(fit));
            fit.requireFrozenTokenizer();
        }
        int scores = Math.max(config.imageVocabSize(), s.trained() == UnifiedStage.Trained.EVERYTHING ? config.vocabSize() : 0);
        long tokens = (long) s.rows() * s.length();
        Activations activations = Activations.ofTransformer(
                        config.hiddenSize(), (long) config.heads() * config.headWidth(), config.intermediateSize(), config.heads(), config.layers(),
                        s.rows(), s.length(), bytes(r.precision()))
                .and(Activations.ofScores(scores, tokens, bytes(r.precision())));
        return new DryRun(stage, parts, new Batch("tokens", tokens, false), activations, 0, r.precision(), r.loop(), fit.missing(), fit.problems());
    }

    private static Part frozenTokenizer(Fit fit) {
        return frozenTokenizer(fit, FROZEN);
    }

    /** The image tokenizer, frozen. */
    public static Part frozenTokenizer(Fit fit, Numerics numerics) {
        EncoderConfig encoder = fit.tokenizer().encoder();
        try (ParameterStore store = ParameterStore.shapes(numerics)) {
            VisionTransformer unused = VisionTransformer.of(store.root().at("vit"), encoder.vit(), fit.grid());
            VectorQuantizer alsoUnused = VectorQuantizer.of(store.root().at("quantizer"), encoder);
            return Part.frozen("image tokenizer", store);
        }
    }

    private static ParameterStore shapes(Recipes.Precision precision) {
        return ParameterStore.shapes(Training.numerics(precision, "cpu"));
    }

    /** Of a number on the machine that the recipe is for; this one may have to compute in fp32 what the recipe wants in bf16. */
    public static int bytes(Recipes.Precision precision) {
        return Training.numerics(precision, "cpu").weights().bytes();
    }

    /** Tokens or pixels of one step of the optimiser. */
    public long amountPerStep() {
        return batch.amount() * loop.accumulate();
    }

    /** What the run would take in one process. */
    public Memory memory() {
        return Memory.of(parts, activations, cache, loop.ema() > 0);
    }
}
