package org.xomni.train;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;

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
            TokenizerStage.Settings stage) {
        public Tokenizer {
            requireTrained(data);
        }
    }

    /** {@code train autoencoder}; as {@link Tokenizer}. */
    public record Autoencoder(
            Path checkpoint,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            LoopSettings loop,
            AutoencoderStage.Settings stage) {
        public Autoencoder {
            requireTrained(data);
        }
    }

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
            DecoderStage.Settings stage) {
        public Decoder {
            requireTrained(data);
        }
    }

    /**
     * {@code train pretrain} and {@code train sft}; as {@link Tokenizer}. The checkpoint has a trained tokenizer.
     *
     * @param start a folder with the weights to start from, or none for fresh ones
     * @param heldOut what the loss is measured on beside, or none
     */
    public record Unified(
            Path checkpoint,
            @Nullable Path start,
            long seed,
            @Default("float32") Precision precision,
            @Default("1") int readers,
            DataRecipe data,
            @Nullable HeldOut heldOut,
            LoopSettings loop,
            UnifiedStage.Settings stage) {
        public Unified {
            requireTrained(data);
        }
    }

    /**
     * Samples that are not trained on, on which a stage measures its loss.
     *
     * @param batches of the stage's rows, the first of the data: always the same
     * @param every so many steps, and before the first
     */
    public record HeldOut(DataRecipe data, int batches, long every) {
        public HeldOut {
            if (batches < 1 || every < 1) {
                throw new InputException("batches " + batches + " and every " + every + " of what is held out must be at least 1");
            }
        }
    }

    private static void requireTrained(DataRecipe data) {
        if (data.isHeldOut()) {
            throw new InputException("a held-out split is what scores are measured on; train on train or practice");
        }
    }
}
