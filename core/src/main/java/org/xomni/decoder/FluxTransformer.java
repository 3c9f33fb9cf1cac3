package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Linear;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;

/**
 * The diffusion transformer: FLUX.1-dev (Black Forest Labs 2024), in which features of the semantic tokens are added to the image's stream
 * between double and single blocks (paper section 3.3). It predicts the velocity from image to noise.
 *
 * <p>Legend: B batch, L image positions, S text positions, N = S + L, D width, C channels of packed latents, T width of token features, P
 * width of the pooled prompt, J width of the prompt's vectors.
 */
public final class FluxTransformer implements AutoCloseable {

    /** What the two kinds of conditioning do differently before the single blocks. */
    private sealed interface Stem {
        List<? extends DoubleBlock> blocks();

        /** @param context from J to D */
        record Text(Linear context, List<DoubleBlock.Joint> blocks) implements Stem {}

        /** @param pooled [1, P], learned in place of a pooled prompt */
        record NoText(Tensor pooled, List<DoubleBlock.ImageOnly> blocks) implements Stem {}
    }

    private final DecoderConfig config;
    private final ParameterStore store;
    private final Numerics numerics;
    private final Linear in;
    private final TimeEmbedding time;
    private final Stem stem;
    private final Linear tokens;
    private final List<SingleBlock> singles;
    private final Modulation outNorm;
    private final Linear out;

    /**
     * The transformer over a store's parameters, which it owns from now on.
     *
     * @throws CheckpointException if parameters are missing or have other shapes than the config says
     */
    public FluxTransformer(DecoderConfig config, Conditioning.Kind kind, ParameterStore store) {
        Parameters p = store.root();
        this.config = config;
        this.store = store;
        this.numerics = p.numerics();
        long width = config.width();
        this.in = Linear.of(p.at("x_embedder"), config.inChannels(), width);
        this.time = TimeEmbedding.of(p.at("time_text_embed"), config);
        this.stem = switch (kind) {
            case TEXT_AND_TOKENS -> new Stem.Text(
                    Linear.of(p.at("context_embedder"), config.jointAttentionDim(), width),
                    list(config.numLayers(), i -> DoubleBlock.Joint.of(p.at("transformer_blocks", i), config)));
            case TOKENS_ONLY -> {
                p.at("context_embedder").ignore("weight");
                p.at("context_embedder").ignore("bias");
                yield new Stem.NoText(
                        p.tensor("pooled_embeds", 1, config.pooledProjectionDim()),
                        list(config.numLayers(), i -> DoubleBlock.ImageOnly.of(p.at("transformer_blocks", i), config)));
            }
        };
        this.tokens = Linear.of(p.at("siglip_embed"), config.siglipChannels(), width, false);
        this.singles = list(config.numSingleLayers(), i -> SingleBlock.of(p.at("single_transformer_blocks", i), config));
        this.outNorm = Modulation.of(p.at("norm_out"), width, 2);
        this.out = Linear.of(p.at("proj_out"), width, config.inChannels());
        store.check();
    }

    /**
     * Loads {@code config.json} and {@code diffusion_pytorch_model*.safetensors} of a folder; the weights tell the kind of conditioning.
     *
     * @throws CheckpointException if something is missing, damaged or contradictory
     */
    public static FluxTransformer load(Path folder, Numerics numerics) {
        DecoderConfig config = DecoderConfig.of(ConfigFile.read(folder.resolve("config.json")));
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "diffusion_pytorch_model");
        ParameterStore store = ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), numerics);
        return new FluxTransformer(config, Conditioning.Kind.of(weights.tensors().keySet()), store);
    }

    private static <T> List<T> list(int count, Function<Integer, T> element) {
        return IntStream.range(0, count).boxed().map(element).toList();
    }

    public DecoderConfig config() {
        return config;
    }

    public Numerics numerics() {
        return numerics;
    }

    /** The parameters by checkpoint name. */
    public ParameterStore parameters() {
        return store;
    }

    /** Which conditioning {@link #forward} takes. */
    public Conditioning.Kind kind() {
        return stem instanceof Stem.Text ? Conditioning.Kind.TEXT_AND_TOKENS : Conditioning.Kind.TOKENS_ONLY;
    }

    /** The positions of an image of {@code height x width} positions after {@code text} text positions. */
    public AxialRope rope(int text, int height, int width) {
        return AxialRope.of(config.axesDimsRope(), text, height, width, numerics);
    }

    /**
     * The velocity [B, L, C] at noisy latents, in the type of activations. Call it within a {@link Scope}.
     *
     * @param x_BLC packed latents
     * @param sigma_B noise levels 0..1, fp32
     * @param guidance_B the strength of distilled guidance, fp32; unused where the config has no {@code guidance_embeds}
     * @param conditioning of this transformer's {@link #kind}
     * @param rope for the conditioning's S and the image's L
     */
    public Tensor forward(Tensor x_BLC, Tensor sigma_B, Tensor guidance_B, Conditioning conditioning, AxialRope rope) {
        Tensor xImage = in.forward(compute(x_BLC));
        Tensor temb = time.forward(sigma_B, guidance_B, pooled(conditioning, x_BLC.size(0)));
        Tensor x = withText(xImage, conditioning);
        for (DoubleBlock block : stem.blocks()) {
            x = Scope.next(x, h -> block.forward(h, temb, rope));
        }
        x = Scope.next(x, h -> addToImage(h, tokens.forward(compute(conditioning.tokens())), rope.text()));
        for (SingleBlock block : singles) {
            x = Scope.next(x, h -> block.forward(h, temb, rope));
        }
        return Scope.next(x, h -> {
            Tensor parts = outNorm.parts(temb);
            Tensor image = h.narrow(1, rope.text(), h.size(1) - rope.text());
            return out.forward(outNorm.modulate(image, outNorm.part(parts, 1), outNorm.part(parts, 0)));
        });
    }

    private Tensor pooled(Conditioning conditioning, long batch) {
        return switch (stem) {
            case Stem.Text text -> compute(asText(conditioning).pooled());
            case Stem.NoText none -> none.pooled().expand(batch, -1);
        };
    }

    private Tensor withText(Tensor image_BLD, Conditioning conditioning) {
        return switch (stem) {
            case Stem.Text text -> cat(new TensorVector(text.context().forward(compute(asText(conditioning).text())), image_BLD), 1);
            case Stem.NoText none -> image_BLD;
        };
    }

    private static Conditioning.TextAndTokens asText(Conditioning conditioning) {
        if (conditioning instanceof Conditioning.TextAndTokens text) {
            return text;
        }
        throw new IllegalArgumentException("this transformer is conditioned on text and tokens, not on tokens only");
    }

    private static Tensor addToImage(Tensor x_BND, Tensor add_BLD, long text) {
        if (text == 0) {
            return x_BND.add(add_BLD);
        }
        Tensor image = x_BND.narrow(1, text, x_BND.size(1) - text);
        return cat(new TensorVector(x_BND.narrow(1, 0, text), image.add(add_BLD)), 1);
    }

    private Tensor compute(Tensor x) {
        return x.to(numerics.torchDevice(), numerics.computeType());
    }

    @Override
    public void close() {
        store.close();
    }
}
