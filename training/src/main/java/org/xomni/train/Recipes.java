package org.xomni.train;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The recipes of all stages. Dimensions stand in the checkpoint's own configurations, so a recipe names the checkpoint and says how to train.
 * Paths are relative to the recipe.
 */
public final class Recipes {
    private Recipes() {}

    /** How numbers are held while training. */
    public enum Precision {
        FLOAT32,
        BFLOAT16
    }

    /**
     * {@code train tokenizer}.
     *
     * @param checkpoint the folder whose {@code model/} and {@code flux/} hold the configurations
     * @param start a ViT to start from, a {@code .pt} file, or none for a fresh one
     * @param seed of weights, noise and order
     * @param readers threads that make samples
     */
    public record Tokenizer(
            Path checkpoint,
            @Nullable Path start,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            LoopSettings loop,
            TokenizerStage.Settings stage) {}

    /** {@code train autoencoder}; as {@link Tokenizer}. */
    public record Autoencoder(
            Path checkpoint,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            LoopSettings loop,
            AutoencoderStage.Settings stage) {}

    /**
     * {@code train decoder}; as {@link Tokenizer}. The checkpoint has a trained tokenizer and autoencoder.
     *
     * @param start a folder with a FLUX transformer to start from, or none for a fresh one; what it does not have begins fresh
     */
    public record Decoder(
            Path checkpoint,
            @Nullable Path start,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            LoopSettings loop,
            DecoderStage.Settings stage) {}

    /**
     * {@code train pretrain} and {@code train sft}; as {@link Tokenizer}. The checkpoint has a trained tokenizer.
     *
     * @param start a folder with the weights to start from, or none for fresh ones
     */
    public record Unified(
            Path checkpoint,
            @Nullable Path start,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            LoopSettings loop,
            UnifiedStage.Settings stage) {}
}
