package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.where;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Attention;
import org.xomni.nn.Embedding;
import org.xomni.nn.Linear;
import org.xomni.nn.RmsNorm;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;

/**
 * The prompt's second encoder: T5 version 1.1 (Raffel et al. 2020). Positions enter as a bias on attention that depends on the class of the
 * distance; queries are not scaled. Nothing is masked: FLUX was trained with visible padding.
 */
public final class T5Encoder implements AutoCloseable {
    /** More than any FLUX pipeline feeds (512), few enough that the quadratic bias fits in memory. */
    private static final int MOST_IDS = 4096;

    private final T5Config config;
    private final ParameterStore store;
    private final Numerics numerics;
    private final Embedding tokens;
    private final Embedding distanceBias;
    private final List<Block> blocks;
    private final RmsNorm norm;

    /**
     * The encoder over a store's parameters, which it owns from now on.
     *
     * @throws org.xomni.tensor.CheckpointException if parameters are missing or have other shapes than the config says
     */
    public T5Encoder(T5Config config, ParameterStore store) {
        Parameters p = store.root().at("encoder");
        this.config = config;
        this.store = store;
        this.numerics = p.numerics();
        // Two names of one table, of which a file may keep either.
        Parameters shared = store.root().at("shared");
        this.tokens = Embedding.of(shared.has("weight") ? shared : p.at("embed_tokens"), config.vocabSize(), config.dModel());
        this.distanceBias = Embedding.of(
                p.at("block.0.layer.0.SelfAttention.relative_attention_bias"), config.buckets(), config.numHeads());
        this.blocks = IntStream.range(0, config.numLayers()).mapToObj(i -> Block.of(p.at("block", i), config)).toList();
        this.norm = RmsNorm.of(p.at("final_layer_norm"), config.dModel(), config.layerNormEpsilon());
        p.ignore("embed_tokens.weight");
        store.check();
    }

    /**
     * Loads {@code config.json} and {@code model*.safetensors} of a folder.
     *
     * @throws org.xomni.tensor.CheckpointException if something is missing, damaged or contradictory
     */
    public static T5Encoder load(Path folder, Numerics numerics) {
        T5Config config = T5Config.of(ConfigFile.read(folder.resolve("config.json")));
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        return new T5Encoder(config, ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), numerics));
    }

    public T5Config config() {
        return config;
    }

    /**
     * The prompt's vectors [1, S, J]. Call it within a {@link Scope}.
     *
     * @param ids the prompt, its end and padding; S of them
     * @throws InputException if there are no ids, too many, or one is outside of the vocabulary
     */
    public Tensor encode(int... ids) {
        PromptEncoder.checkIds("T5", ids, config.vocabSize(), MOST_IDS);
        Tensor bias = bias(ids.length);
        Tensor x = tokens.forward(Tensors.ids(ids).to(numerics.torchDevice(), ScalarType.Long)).unsqueeze(0);
        for (Block block : blocks) {
            x = Scope.next(x, h -> block.forward(h, bias));
        }
        return norm.forward(x);
    }

    /** What is added to the scores of each pair of positions, [1, H, S, S]. */
    private Tensor bias(int length) {
        Tensor position = Tensors.ids(IntStream.range(0, length).toArray());
        Tensor distance_SS = position.unsqueeze(0).sub(position.unsqueeze(1));
        Tensor buckets = buckets(distance_SS).flatten().to(numerics.torchDevice(), ScalarType.Long);
        return distanceBias.forward(buckets).view(length, length, config.numHeads()).permute(2, 0, 1).unsqueeze(0).contiguous();
    }

    /**
     * The class of each distance from query to key. Half of the classes are for keys after the query. Of each half, half are for single
     * distances; the others grow logarithmically up to the greatest distance. In fp32, as the published weights were trained.
     */
    private Tensor buckets(Tensor distance_SS) {
        int half = config.buckets() / 2;
        int exact = half / 2;
        Tensor absolute = distance_SS.abs();
        Tensor logarithmic = absolute.to(ScalarType.Float)
                .div(new Scalar(exact))
                .log()
                .div(new Scalar(Math.log(config.maxDistance() / (double) exact)))
                .mul(new Scalar(half - exact))
                .to(ScalarType.Long)
                .add(new Scalar(exact))
                .clamp(new ScalarOptional(), new ScalarOptional(new Scalar(half - 1)));
        Tensor near = absolute.lt(new Scalar(exact));
        Tensor after = distance_SS.gt(new Scalar(0)).to(ScalarType.Long).mul(new Scalar(half));
        return where(near, absolute, logarithmic).add(after);
    }

    @Override
    public void close() {
        store.close();
    }

    /** Attention, then a gated feed-forward layer, both on normalised input and added to it. */
    private record Block(
            long heads, RmsNorm norm1, Linear q, Linear k, Linear v, Linear o, RmsNorm norm2, Linear gate, Linear in, Linear out) {

        static Block of(Parameters p, T5Config c) {
            Parameters attention = p.at("layer.0.SelfAttention");
            Parameters dense = p.at("layer.1.DenseReluDense");
            long width = c.dModel();
            long inner = (long) c.numHeads() * c.dKv();
            return new Block(
                    c.numHeads(),
                    RmsNorm.of(p.at("layer.0.layer_norm"), width, c.layerNormEpsilon()),
                    Linear.of(attention.at("q"), width, inner, false),
                    Linear.of(attention.at("k"), width, inner, false),
                    Linear.of(attention.at("v"), width, inner, false),
                    Linear.of(attention.at("o"), inner, width, false),
                    RmsNorm.of(p.at("layer.1.layer_norm"), width, c.layerNormEpsilon()),
                    Linear.of(dense.at("wi_0"), width, c.dFf(), false),
                    Linear.of(dense.at("wi_1"), width, c.dFf(), false),
                    Linear.of(dense.at("wo"), c.dFf(), width, false));
        }

        Tensor forward(Tensor x_BSD, Tensor bias_1HSS) {
            Tensor normed = norm1.forward(x_BSD);
            Tensor gathered = Attention.merge(Attention.biased(
                    Attention.heads(q.forward(normed), heads),
                    Attention.heads(k.forward(normed), heads),
                    Attention.heads(v.forward(normed), heads),
                    bias_1HSS));
            Tensor x = x_BSD.add(o.forward(gathered));
            Tensor y = norm2.forward(x);
            return x.add(out.forward(gelu(gate.forward(y), "tanh").mul(in.forward(y))));
        }
    }
}
