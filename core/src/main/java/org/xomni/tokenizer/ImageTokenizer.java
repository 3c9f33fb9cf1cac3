package org.xomni.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;

/**
 * The semantic image tokenizer of one checkpoint: pixels to tokens ({@link #encode}), and tokens to what the decoder draws from
 * ({@link #features}).
 *
 * <p>The ViT and the quantiser are loaded when they are first needed, so that decoding never loads the ViT. Features may be asked for by several threads at a
 * time, all else is for one. It is frozen: tensors that it returns are inference tensors, and who trains with one clones it first. A returned
 * tensor belongs to the scope that is open around the call, or, where there is none, to the caller.
 */
public final class ImageTokenizer implements AutoCloseable {
    private final TokenizerConfig config;
    private final Path modelFolder;
    private final Numerics numerics;
    private @Nullable Loaded<VisionTransformer> loadedVit;
    private @Nullable Loaded<VectorQuantizer> loadedQuantizer;

    private ImageTokenizer(TokenizerConfig config, Path modelFolder, Numerics numerics) {
        this.config = config;
        this.modelFolder = modelFolder;
        this.numerics = numerics;
    }

    /**
     * The tokenizer in a model folder.
     *
     * @throws CheckpointException if its {@code config.json} cannot be used; weights are checked when they are loaded
     */
    public static ImageTokenizer load(Path modelFolder, Numerics numerics) {
        return new ImageTokenizer(TokenizerConfig.read(modelFolder), modelFolder, numerics);
    }

    /**
     * Loads the weights now.
     *
     * @throws CheckpointException if they cannot be used
     */
    public void preload() {
        VisionTransformer unused = vit();
        VectorQuantizer alsoUnused = quantizer();
    }

    /** What the checkpoint says about its tokenizer. */
    public TokenizerConfig config() {
        return config;
    }

    /**
     * The tokens of an image, which is first resized by the checkpoint's rule ({@link ImageTransform}).
     *
     * @throws InputException if the image is too small or too narrow
     * @throws CheckpointException if the weights cannot be used
     */
    public ImageTokens encode(Pixels image) {
        return encode(List.of(image)).getFirst();
    }

    /**
     * The tokens of several images in one pass; the same as one by one up to rounding.
     *
     * @param images at least one; all have the same size after resizing
     * @throws InputException if an image is too small or too narrow or their sizes differ
     * @throws CheckpointException if the weights cannot be used
     */
    public List<ImageTokens> encode(List<Pixels> images) {
        List<Pixels> resized = images.stream().map(config.transform()::resize).toList();
        Pixels first = resized.getFirst();
        resized.stream().filter(p -> p.height() != first.height() || p.width() != first.width()).findFirst().ifPresent(other -> {
            throw new InputException("images of " + first.height() + "x" + first.width() + " and " + other.height() + "x" + other.width()
                    + " (after resizing) cannot be encoded together; encode images of one size at a time");
        });
        VisionTransformer vit = vit();
        VectorQuantizer quantizer = quantizer();
        try (Scope scope = Scope.inference()) {
            Tensor features_BLD = forward(vit, resized);
            Tensor features_BDhw = features_BLD
                    .transpose(1, 2)
                    .reshape(resized.size(), config.encoder().zChannels(), first.height() / patchSize(), first.width() / patchSize());
            return split(quantizer.encode(features_BDhw));
        }
    }

    private static List<ImageTokens> split(Tensor codes_Bhw) {
        long[] shape = Tensors.shape(codes_Bhw);
        int[] ids = Tensors.ints(codes_Bhw);
        int height = (int) shape[1];
        int width = (int) shape[2];
        int length = height * width;
        List<ImageTokens> tokens = new ArrayList<>();
        for (int i = 0; i < shape[0]; i++) {
            tokens.add(new ImageTokens(height, width, Arrays.copyOfRange(ids, i * length, (i + 1) * length)));
        }
        return tokens;
    }

    /**
     * What the decoder draws from: one vector for each token, with what the residual blocks see in its neighbours.
     *
     * @return fp32 [h*w, D], row-major
     * @throws InputException if a token is not in the codebook
     * @throws CheckpointException if the weights cannot be used
     */
    public Tensor features(ImageTokens tokens) {
        tokens.requireCodebook(config.encoder().codebookSize());
        VectorQuantizer quantizer = quantizer();
        try (Scope scope = Scope.inference()) {
            Tensor codes_L = Tensors.ids(tokens.ids()).to(numerics.torchDevice(), ScalarType.Long);
            Tensor features_BDhw = quantizer.decode(codes_L.view(1, tokens.height(), tokens.width()));
            return scope.keep(features_BDhw.squeeze(0).flatten(1, 2).t().to(ScalarType.Float).contiguous());
        }
    }

    /**
     * {@link #features(ImageTokens)} of several images of one size in one pass.
     *
     * @param images at least one; all have the same grid
     * @return fp32 [B, h*w, D]
     * @throws InputException if a token is not in the codebook, or the grids differ
     * @throws CheckpointException if the weights cannot be used
     */
    public Tensor features(List<ImageTokens> images) {
        ImageTokens first = images.getFirst();
        for (ImageTokens tokens : images) {
            tokens.requireCodebook(config.encoder().codebookSize());
            if (tokens.height() != first.height() || tokens.width() != first.width()) {
                throw new InputException("grids of " + first.height() + "x" + first.width() + " and " + tokens.height() + "x" + tokens.width()
                        + " tokens cannot be decoded together; decode images of one size at a time");
            }
        }
        VectorQuantizer quantizer = quantizer();
        try (Scope scope = Scope.inference()) {
            int[] ids = images.stream().flatMapToInt(tokens -> Arrays.stream(tokens.ids())).toArray();
            Tensor codes = Tensors.ids(ids).to(numerics.torchDevice(), ScalarType.Long).view(images.size(), first.height(), first.width());
            return scope.keep(quantizer.decode(codes).flatten(2, 3).transpose(1, 2).to(ScalarType.Float).contiguous());
        }
    }

    /**
     * What the ViT sees in an image, before quantisation.
     *
     * @return fp32 [1, h*w, D]
     * @throws InputException if the image is too small or too narrow
     * @throws CheckpointException if the weights cannot be used
     */
    public Tensor vitFeatures(Pixels image) {
        Pixels resized = config.transform().resize(image);
        VisionTransformer vit = vit();
        try (Scope scope = Scope.inference()) {
            return scope.keep(forward(vit, List.of(resized)).to(ScalarType.Float).contiguous());
        }
    }

    /** Resized images of one size to features [B, L, D]. */
    private Tensor forward(VisionTransformer vit, List<Pixels> resized) {
        TensorVector images = new TensorVector();
        resized.forEach(p -> images.push_back(ImageTransform.normalize(p, numerics)));
        return vit.forward(torch.cat(images, 0));
    }

    private int patchSize() {
        return config.transform().patchSize();
    }

    private synchronized VisionTransformer vit() {
        if (loadedVit == null) {
            loadedVit = load(config.encoder().siglipPath(),
                    (file, p) -> VisionTransformer.of(p, config.encoder().vit(), VisionTransformer.grid(file.tensors())));
        }
        return loadedVit.module();
    }

    private synchronized VectorQuantizer quantizer() {
        if (loadedQuantizer == null) {
            loadedQuantizer = load(config.encoder().projectorPath(), (file, p) -> VectorQuantizer.of(p, config.encoder()));
        }
        return loadedQuantizer.module();
    }

    private <M> Loaded<M> load(String name, BiFunction<TorchArchive, Parameters, M> construct) {
        TorchArchive file = TorchArchive.open(modelFolder.resolve(name));
        ParameterStore store = ParameterStore.of(file.path().toString(), file.tensors(), List.of(file), numerics);
        try {
            M module = construct.apply(file, store.root());
            store.check();
            return new Loaded<>(module, store);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** Frees the weights. */
    @Override
    public synchronized void close() {
        if (loadedVit != null) {
            loadedVit.store().close();
            loadedVit = null;
        }
        if (loadedQuantizer != null) {
            loadedQuantizer.store().close();
            loadedQuantizer = null;
        }
    }

    /** A module and the owner of its parameters. */
    private record Loaded<M>(M module, ParameterStore store) {}
}
