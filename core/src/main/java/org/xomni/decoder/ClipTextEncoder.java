package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.gelu;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Attention;
import org.xomni.nn.Embedding;
import org.xomni.nn.LayerNorm;
import org.xomni.nn.Linear;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;

/** The prompt's first encoder: CLIP's causal text transformer (Radford et al. 2021), of which only the pooled vector is used. */
public final class ClipTextEncoder implements AutoCloseable {
    /** What early versions wrote as {@code eos_token_id} whatever the vocabulary was. */
    private static final int LEGACY_EOS = 2;

    private final ClipConfig config;
    private final ParameterStore store;
    private final Numerics numerics;
    private final Embedding tokens;
    private final Embedding positions;
    private final List<Block> blocks;
    private final LayerNorm norm;

    /**
     * The encoder over a store's parameters, which it owns from now on.
     *
     * @throws org.xomni.tensor.CheckpointException if parameters are missing or have other shapes than the config says
     */
    public ClipTextEncoder(ClipConfig config, ParameterStore store) {
        Parameters p = store.root().at("text_model");
        this.config = config;
        this.store = store;
        this.numerics = p.numerics();
        this.tokens = Embedding.of(p.at("embeddings.token_embedding"), config.vocabSize(), config.hiddenSize());
        this.positions = Embedding.of(p.at("embeddings.position_embedding"), config.maxPositionEmbeddings(), config.hiddenSize());
        this.blocks = IntStream.range(0, config.numHiddenLayers())
                .mapToObj(i -> Block.of(p.at("encoder.layers", i), config))
                .toList();
        this.norm = LayerNorm.of(p.at("final_layer_norm"), config.hiddenSize(), config.layerNormEps());
        p.at("embeddings").ignore("position_ids");
        store.root().ignore("text_projection.weight");
        store.check();
    }

    /**
     * Loads {@code config.json} and {@code model*.safetensors} of a folder.
     *
     * @throws org.xomni.tensor.CheckpointException if something is missing, damaged or contradictory
     */
    public static ClipTextEncoder load(Path folder, Numerics numerics) {
        ClipConfig config = ClipConfig.of(ConfigFile.read(folder.resolve("config.json")));
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        return new ClipTextEncoder(config, ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), numerics));
    }

    public ClipConfig config() {
        return config;
    }

    /**
     * The pooled prompt [1, P]. Call it within a {@link Scope}.
     *
     * @param ids the prompt between begin and end, padded; at most {@code max_position_embeddings}
     * @throws InputException if there are no ids, too many, or one is outside of the vocabulary
     */
    public Tensor pooled(int... ids) {
        PromptEncoder.checkIds("CLIP", ids, config.vocabSize(), config.maxPositionEmbeddings());
        Tensor id = Tensors.ids(ids).to(numerics.torchDevice(), ScalarType.Long);
        Tensor x = tokens.forward(id).add(positions.forward(
                Tensors.ids(IntStream.range(0, ids.length).toArray()).to(id.device(), id.scalar_type()))).unsqueeze(0);
        for (Block block : blocks) {
            x = Scope.next(x, block::forward);
        }
        return norm.forward(x.select(1, pooledPosition(ids)));
    }

    private int pooledPosition(int[] ids) {
        int target = config.eosTokenId() == LEGACY_EOS ? IntStream.of(ids).max().orElse(0) : config.eosTokenId();
        return IntStream.range(0, ids.length).filter(i -> ids[i] == target).findFirst().orElse(0);
    }

    @Override
    public void close() {
        store.close();
    }

    /** Attention over the positions so far, then a feed-forward layer, both on normalised input and added to it. */
    private record Block(
            long heads, LayerNorm norm1, Linear q, Linear k, Linear v, Linear out, LayerNorm norm2, Linear fc1, Linear fc2, boolean quick) {

        static Block of(Parameters p, ClipConfig c) {
            long width = c.hiddenSize();
            Parameters attention = p.at("self_attn");
            return new Block(
                    c.numAttentionHeads(),
                    LayerNorm.of(p.at("layer_norm1"), width, c.layerNormEps()),
                    Linear.of(attention.at("q_proj"), width, width),
                    Linear.of(attention.at("k_proj"), width, width),
                    Linear.of(attention.at("v_proj"), width, width),
                    Linear.of(attention.at("out_proj"), width, width),
                    LayerNorm.of(p.at("layer_norm2"), width, c.layerNormEps()),
                    Linear.of(p.at("mlp.fc1"), width, c.intermediateSize()),
                    Linear.of(p.at("mlp.fc2"), c.intermediateSize(), width),
                    c.hiddenAct().equals("quick_gelu"));
        }

        Tensor forward(Tensor x_BSD) {
            Tensor normed = norm1.forward(x_BSD);
            Tensor gathered = Attention.merge(Attention.causal(
                    Attention.heads(q.forward(normed), heads),
                    Attention.heads(k.forward(normed), heads),
                    Attention.heads(v.forward(normed), heads)));
            Tensor x = x_BSD.add(out.forward(gathered));
            return x.add(fc2.forward(activate(fc1.forward(norm2.forward(x)))));
        }

        private Tensor activate(Tensor x) {
            return quick ? x.mul(x.mul(new Scalar(1.702)).sigmoid()) : gelu(x);
        }
    }
}
