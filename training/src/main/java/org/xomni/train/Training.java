package org.xomni.train;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.xomni.data.SampleSource;
import org.xomni.decoder.Vae;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.XOmniException;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.TokenizerConfig;

/** Starts a stage from its recipe: {@code xomni train STAGE}. */
public final class Training {
    /** All stages, in the order of the paper. */
    public static final List<String> STAGES = List.of("tokenizer", "autoencoder", "decoder", "pretrain", "sft");

    private Training() {}

    /**
     * Trains one stage to its end.
     *
     * @param stage one of {@link #STAGES}
     * @param recipe a YAML file
     * @param run the run's folder, made if there is none
     * @param resume whether to go on where the run was stopped
     * @param device {@code cpu}, {@code cuda} or {@code cuda:i}: where models are trained
     * @throws InputException if the recipe is not one of that stage
     */
    public static void run(String stage, Path recipe, Path run, boolean resume, String device, RunListener listener) {
        Engine.keepFreedMemory();
        switch (stage) {
            case "tokenizer" -> {
                var r = read(recipe, Recipes.Tokenizer.class, run, resume);
                Path model = beside(recipe, r.checkpoint()).resolve("model");
                loop(new TokenizerStage(
                        TokenizerConfig.read(model), TextTokenizer.load(model), start(recipe, r.start()), r.stage(), r.seed(),
                        numerics(r.precision(), device), data(recipe, r.checkpoint(), r.data()), r.readers()),
                        r.loop(), run, resume, listener);
            }
            case "autoencoder" -> {
                var r = read(recipe, Recipes.Autoencoder.class, run, resume);
                Path config = beside(recipe, r.checkpoint()).resolve("flux").resolve("vae").resolve("config.json");
                loop(new AutoencoderStage(ConfigFile.read(config), r.stage(), r.seed(), numerics(r.precision(), device),
                        data(recipe, r.checkpoint(), r.data()), r.readers()),
                        r.loop(), run, resume, listener);
            }
            case "decoder" -> {
                var r = read(recipe, Recipes.Decoder.class, run, resume);
                Path checkpoint = beside(recipe, r.checkpoint());
                Numerics frozen = numerics(Recipes.Precision.FLOAT32, device);
                loop(new DecoderStage(
                        ConfigFile.read(checkpoint.resolve("model").resolve("decoder").resolve("config.json")),
                        start(recipe, r.start()),
                        ImageTokenizer.load(checkpoint.resolve("model"), frozen),
                        Vae.load(checkpoint.resolve("flux").resolve("vae"), frozen),
                        r.stage(), r.seed(), numerics(r.precision(), device), data(recipe, r.checkpoint(), r.data()), r.readers()),
                        r.loop(), run, resume, listener);
            }
            case "pretrain", "sft" -> {
                var r = read(recipe, Recipes.Unified.class, run, resume);
                Path model = beside(recipe, r.checkpoint()).resolve("model");
                SampleSource data = tokenised(recipe, r.checkpoint(), r.data(), device);
                UnifiedStage.HeldOut heldOut = r.heldOut() == null ? null
                        : new UnifiedStage.HeldOut(tokenised(recipe, r.checkpoint(), r.heldOut().data(), device), r.heldOut().batches(), r.heldOut().every());
                loop(new UnifiedStage(model, start(recipe, r.start()), r.stage(), r.seed(), numerics(r.precision(), device), data, heldOut, r.readers()),
                        r.loop(), run, resume, listener);
            }
            default -> throw new InputException("stage '" + stage + "' is not known; use one of " + STAGES + ", or grpo");
        }
    }

    /**
     * Reads a recipe and makes the folder of its run, in which a copy of it is kept.
     *
     * @throws InputException if the recipe is not one of that type, or the folder holds a run and {@code resume} is not set or the run has another recipe, which may
     *     differ in how long and how often only
     */
    public static <T extends Record> T read(Path recipe, Class<T> type, Path run, boolean resume) {
        RecipeFile<T> file = RecipeFile.read(recipe, type);
        if (Files.exists(run) && !Files.isDirectory(run)) {
            throw new InputException(run + " is a file; name a folder with --run");
        }
        // Before the recipe of the run that lies there is written over.
        TrainingLoop.requireFree(run, resume);
        Metrics.requireFree(run);
        Path own = run.resolve("recipe.yaml");
        if (new Snapshots(run).newest().isPresent() && Files.exists(own) && !goesOn(RecipeFile.read(own, type).recipe(), file.recipe())) {
            throw new InputException(run + " was begun with another recipe, of which " + own + " is a copy: resume with that one from where it was (its paths are relative to it), or name another folder with --run");
        }
        try {
            Files.createDirectories(run);
        } catch (IOException e) {
            throw new XOmniException(run + " cannot be made (" + e + "); name a folder that can be written", e);
        }
        file.saveTo(own);
        return file.recipe();
    }

    /** Whether a run of one recipe may go on with another: with more steps, for example, for which the learning rate is that of the longer run. */
    private static <T extends Record> boolean goesOn(T begun, T now) {
        return Arrays.stream(begun.getClass().getRecordComponents()).allMatch(component -> {
            Object before = value(component, begun);
            Object after = value(component, now);
            return before instanceof LoopSettings a && after instanceof LoopSettings b ? a.lasting(b).equals(b) : Objects.equals(before, after);
        });
    }

    private static @Nullable Object value(RecordComponent component, Record record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(component + " cannot be read", e);
        }
    }

    /** Samples as tokens, those that come as pixels by the checkpoint's image tokenizer. */
    private static SampleSource tokenised(Path recipe, Path checkpoint, DataRecipe data, String device) {
        Path model = beside(recipe, checkpoint).resolve("model");
        data.requireTokensOf(beside(recipe, Path.of("")), model);
        return new TokenisingSource(data(recipe, checkpoint, data), ImageTokenizer.load(model, numerics(Recipes.Precision.FLOAT32, device)));
    }

    private static SampleSource data(Path recipe, Path checkpoint, DataRecipe data) {
        Path model = beside(recipe, checkpoint).resolve("model");
        return data.open(beside(recipe, Path.of("")), TokenizerConfig.read(model).transform());
    }

    private static @Nullable Path start(Path recipe, @Nullable Path start) {
        return start == null ? null : beside(recipe, start);
    }

    /** A path of a recipe, which is relative to the recipe. */
    public static Path beside(Path recipe, Path path) {
        return recipe.toAbsolutePath().resolveSibling(path).normalize();
    }

    /** How the trained parts are held. */
    public static Numerics numerics(Recipes.Precision precision, String device) {
        return Numerics.on(device, precision == Recipes.Precision.FLOAT32 ? DType.FLOAT32 : DType.BFLOAT16, Quantization.NONE);
    }

    private static void loop(Stage stage, LoopSettings settings, Path run, boolean resume, RunListener listener) {
        try (stage) {
            TrainingLoop.run(stage, settings, run, resume, listener);
        }
    }
}
