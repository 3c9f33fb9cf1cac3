package org.xomni.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.VaeConfig;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.TorchArchive;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.tokenizer.VisionTransformer;

/** Whether the parts of a checkpoint fit each other and a recipe, by their configurations and, where weights are there, their headers. */
public final class Fit {
    /** {@code <SOM>h w<IMAGE>} and {@code <EOM>} around an image's tokens, with room for sizes of three digits. */
    private static final int AROUND_IMAGE = 10;

    private final Path recipe;
    private final Path checkpoint;
    private final List<String> missing = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();

    /**
     * The fit of a recipe.
     *
     * @param recipe the file
     * @param checkpoint as the recipe says it
     */
    public Fit(Path recipe, Path checkpoint) {
        this.recipe = recipe;
        this.checkpoint = Training.beside(recipe, checkpoint);
    }

    /** The folder with {@code model/} and {@code flux/}. */
    public Path checkpoint() {
        return checkpoint;
    }

    /** Files that are not there yet. */
    public List<String> missing() {
        return List.copyOf(missing);
    }

    /** What does not fit, one line each. */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    private Path folder() {
        return checkpoint.resolve("model");
    }

    /** The unified model's configuration. */
    public ConfigFile model() {
        return ConfigFile.read(folder().resolve("config.json"));
    }

    /** The image tokenizer's. */
    public TokenizerConfig tokenizer() {
        return TokenizerConfig.read(folder());
    }

    /** The diffusion transformer's. */
    public DecoderConfig decoder() {
        return DecoderConfig.of(ConfigFile.read(folder().resolve("decoder").resolve("config.json")));
    }

    /** The autoencoder's. */
    public VaeConfig vae() {
        return VaeConfig.of(ConfigFile.read(checkpoint.resolve("flux").resolve("vae").resolve("config.json")));
    }

    /** Image ids and codes. */
    public void codes(UnifiedConfig config) {
        int codes = tokenizer().encoder().codebookSize();
        if (codes != config.imageVocabSize()) {
            problems.add("image_vocab_size is " + config.imageVocabSize() + " and codebook_size " + codes
                    + ", expected the same; fix config.json");
        }
    }

    /** A token's features, its square of pixels, and the 2x2 latents that the decoder paints it with. */
    public void drawing(DecoderConfig config) {
        TokenizerConfig tokenizer = tokenizer();
        VaeConfig vae = vae();
        if (config.inChannels() != 4 * vae.latentChannels()) {
            problems.add("the decoder's in_channels is " + config.inChannels() + ", expected 4 times the autoencoder's latent_channels "
                    + vae.latentChannels() + "; fix decoder/config.json");
        }
        if (tokenizer.encoder().vit().patchSize() != 2 * vae.downscale()) {
            problems.add("a token covers " + tokenizer.encoder().vit().patchSize() + " pixels a side and 2x2 latents cover "
                    + 2 * vae.downscale() + ", expected the same; change patch_size or the count of block_out_channels");
        }
    }

    /** Rows of ids: within the model's positions, and long enough for the largest picture. */
    void rows(UnifiedConfig config, int length, DataRecipe data) {
        if (length > config.maxPositions()) {
            problems.add("rows of length " + length + " go beyond max_position_embeddings " + config.maxPositions() + "; shorten length");
        }
        long image = mostTokens(data) + AROUND_IMAGE;
        if (length < image) {
            problems.add("the largest picture takes " + image + " ids, more than a row of length " + length
                    + "; raise length or lower long_size");
        }
    }

    /** The most tokens that a picture of the data becomes. */
    long mostTokens(DataRecipe data) {
        long patch = tokenizer().transform().patchSize();
        return data.mostPixels(tokenizer().transform()) / (patch * patch);
    }

    /**
     * The text tokenizer's place below the image tokens.
     *
     * @return the vocabulary of a language model over this tokenizer; the configuration's where the tokenizer is not there
     */
    public int text(UnifiedConfig config) {
        if (!Files.isRegularFile(folder().resolve("tokenizer.json"))) {
            missing.add(folder().resolve("tokenizer.json") + ", the text tokenizer");
            return config.vocabSize();
        }
        try (TextTokenizer text = TextTokenizer.load(folder())) {
            config.specialTokens().forEach(text::idOf);
            int first = text.idOf("<MM-Token-0>");
            int last = text.idOf("<MM-Token-" + (config.imageVocabSize() - 1) + ">");
            if (first != config.vocabSize() || last != config.vocabSize() + config.imageVocabSize() - 1) {
                problems.add("image tokens have the ids " + first + " to " + last + ", expected " + config.vocabSize() + " to "
                        + (config.vocabSize() + config.imageVocabSize() - 1) + "; restore tokenizer.json or fix vocab_size");
            }
            if (text.size() > config.vocabSize() + config.mmVocabSize()) {
                problems.add("tokenizer.json has ids up to " + (text.size() - 1) + ", expected below vocab_size + mm_vocab_size, "
                        + (config.vocabSize() + config.mmVocabSize()) + "; raise mm_vocab_size");
            }
            return text.size();
        } catch (CheckpointException e) {
            problems.add(String.valueOf(e.getMessage()));
            return config.vocabSize();
        }
    }

    /** Files that are not there. */
    public void missing(List<String> files) {
        missing.addAll(files);
    }

    /** An image and what stands around it: within the model's positions. */
    public void image(UnifiedConfig config, long tokens) {
        if (tokens + AROUND_IMAGE > config.maxPositions()) {
            problems.add("the largest picture takes " + (tokens + AROUND_IMAGE) + " ids, more than max_position_embeddings " + config.maxPositions()
                    + "; ask for smaller pictures");
        }
    }

    /** The data's files. */
    void data(DataRecipe data) {
        missing.addAll(data.missing(Training.beside(recipe, Path.of(""))));
    }

    /** Rows and columns of the ViT's positions: as its weights say or, where they are not there, as the longest side asks for. */
    int grid() {
        TokenizerConfig config = tokenizer();
        Path siglip = folder().resolve(config.encoder().siglipPath());
        if (Files.isRegularFile(siglip)) {
            try (TorchArchive archive = TorchArchive.open(siglip)) {
                return VisionTransformer.grid(archive.tensors());
            } catch (CheckpointException e) {
                problems.add(String.valueOf(e.getMessage()));
            }
        }
        return config.transform().longSize() / config.transform().patchSize();
    }

    /** Weights of the trained tokenizer. */
    public void requireFrozenTokenizer() {
        for (String name : List.of(tokenizer().encoder().siglipPath(), tokenizer().encoder().projectorPath())) {
            if (!Files.isRegularFile(folder().resolve(name))) {
                missing.add(folder().resolve(name) + ", from the tokenizer's stage");
            }
        }
    }

    /** A file of any kind. */
    void requireFile(Path file) {
        if (!Files.isRegularFile(file)) {
            missing.add(file.toString());
        }
    }

    /** Weights in safetensors files. */
    public void requireWeights(Path folder, String base) {
        Path single = folder.resolve(base + ".safetensors");
        if (!Files.isRegularFile(single) && !Files.isRegularFile(folder.resolve(base + ".safetensors.index.json"))) {
            missing.add(single.toString());
        }
    }

    /** Weights to start from: names and shapes, where they are there. */
    public void start(Path folder, UnifiedConfig config) {
        int before = missing.size();
        requireWeights(folder, "model");
        if (missing.size() > before) {
            return;
        }
        Numerics any = Numerics.cpu(DType.FLOAT32);
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
                ParameterStore store = ParameterStore.dry(folder.toString(), weights.tensors(), any);
                UnifiedModel unused = UnifiedModel.of(config, store)) {
            assert unused != null;
        } catch (CheckpointException e) {
            problems.add(String.valueOf(e.getMessage()));
        }
    }
}
