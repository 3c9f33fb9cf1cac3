package org.xomni.autoregressive;

// Shapes: B batch, L length, D width, V scores of a head.

import static org.bytedeco.pytorch.global.torch.where;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Embedding;
import org.xomni.nn.Linear;
import org.xomni.nn.RmsNorm;
import org.xomni.nn.Rope;
import org.xomni.tensor.LowRank;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * The unified autoregressive model: text ids 0 .. vocabSize-1 and multimodal ids vocabSize + k in one sequence, with an embedding table, a
 * final norm and a head for each kind.
 *
 * <p>Whole sequences may be scored by several threads at a time; all else is for one.
 */
public final class UnifiedModel implements AutoCloseable {
    /** The parameter of the norm before the image head: gains that scale the logits of image tokens. */
    public static final String IMAGE_NORM = "model.mm_norm.weight";
    /** Prompts are read in pieces of this many positions, which bounds the memory for attention scores. */
    private static final int PREFILL_CHUNK = 512;

    private final UnifiedConfig config;
    private final Numerics numerics;
    private final ParameterStore store;
    private final Embedding textEmbedding;
    private final Embedding mmEmbedding;
    private final List<TransformerBlock> blocks;
    private final RmsNorm textNorm;
    private final RmsNorm mmNorm;
    private final Linear textHead;
    private final Linear mmHead;
    private final Linear imageHead;
    private final Rope rope;

    private UnifiedModel(UnifiedConfig config, ParameterStore store) {
        Parameters p = store.root();
        Parameters model = p.at("model");
        int d = config.hiddenSize();
        this.config = config;
        this.numerics = p.numerics();
        this.store = store;
        this.textEmbedding = Embedding.of(model.at("lm_embed_tokens"), config.vocabSize(), d);
        this.mmEmbedding = Embedding.of(model.at("mm_embed_tokens"), config.mmVocabSize(), d);
        this.blocks = IntStream.range(0, config.layers())
                .mapToObj(i -> TransformerBlock.of(model.at("layers", i), config, i))
                .toList();
        this.textNorm = RmsNorm.of(model.at("lm_norm"), d, config.rmsNormEps());
        this.mmNorm = RmsNorm.of(model.at("mm_norm"), d, config.rmsNormEps());
        this.textHead = Linear.of(p.at("lm_head"), d, config.vocabSize(), false);
        this.mmHead = Linear.of(p.at("mm_head"), d, config.mmVocabSize(), false);
        store.check();
        this.imageHead = mmHead.firstRows(config.imageVocabSize());
        this.rope = Rope.of(p, config.maxPositions(), config.headWidth(), config.ropeTheta());
    }

    /**
     * The model over a store of parameters, which it then owns.
     *
     * @throws org.xomni.tensor.CheckpointException naming all missing and mis-shaped parameters
     */
    public static UnifiedModel of(UnifiedConfig config, ParameterStore store) {
        return new UnifiedModel(config, store);
    }

    public UnifiedConfig config() {
        return config;
    }

    public Numerics numerics() {
        return numerics;
    }

    /** The owner of the parameters. */
    public ParameterStore store() {
        return store;
    }

    /** Whether linear layers have low-rank adapters. */
    boolean hasAdapters() {
        return store.parameters().keySet().stream().anyMatch(LowRank::isAdapter);
    }

    List<TransformerBlock> blocks() {
        return blocks;
    }

    Embedding textEmbedding() {
        return textEmbedding;
    }

    Embedding mmEmbedding() {
        return mmEmbedding;
    }

    RmsNorm textNorm() {
        return textNorm;
    }

    RmsNorm mmNorm() {
        return mmNorm;
    }

    Rope rope() {
        return rope;
    }

    Linear head(Head head) {
        return head == Head.TEXT ? textHead : imageHead;
    }

    /**
     * Whole sequences at once, for training, scoring and parity.
     *
     * @param ids_BL int64
     * @return final hidden states [B, L, D], normalised by the kind of each position
     */
    public Tensor forward(Tensor ids_BL) {
        return forward(ids_BL, 0, AttentionContext.wholeSequences());
    }

    /**
     * Rows in which several documents stand one after the other without seeing each other, for training.
     *
     * @param ids_BL int64
     * @param positions_BL int64, from 0 in each document
     * @param documents_BL int64, a number for each document of a row
     * @return final hidden states [B, L, D], normalised by the kind of each position
     */
    public Tensor forwardPacked(Tensor ids_BL, Tensor positions_BL, Tensor documents_BL) {
        return forward(ids_BL, rope.at(positions_BL), AttentionContext.packed(documents_BL));
    }

    /**
     * One row of sequences of which some begin alike, for scoring and training: what is shared is computed once.
     *
     * @param ids_1N int64, stretch after stretch
     * @param stretches how the row is laid out, N ids together
     * @return final hidden states [1, N, D], normalised by the kind of each position
     */
    public Tensor forwardShared(Tensor ids_1N, List<SharedPrefix> stretches) {
        Tensor positions_1N = numerics.place(Tensors.of(SharedPrefix.positions(stretches), Tensors.shape(ids_1N)));
        return forward(ids_1N, rope.at(positions_1N), SharedPrefix.attention(stretches));
    }

    /**
     * @param from the position of the first id
     */
    Tensor forward(Tensor ids_BL, int from, AttentionContext context) {
        return forward(ids_BL, rope.range(from, ids_BL.size(1)), context);
    }

    private Tensor forward(Tensor ids_BL, Rope here, AttentionContext context) {
        Tensor multimodal = multimodal(ids_BL);
        Tensor x = embed(ids_BL);
        for (TransformerBlock block : blocks) {
            try (Scope layer = Scope.plain()) {
                x = layer.keep(block.forward(x, multimodal, here, context));
            }
        }
        return norm(x, multimodal);
    }

    /** Which positions are multimodal: bool [B, L, 1]. */
    Tensor multimodal(Tensor ids_BL) {
        return ids_BL.ge(new Scalar(config.vocabSize())).unsqueeze(-1);
    }

    /** Ids [B, L] to the residual stream [B, L, D], each kind from its own table. */
    Tensor embed(Tensor ids_BL) {
        long[] s = Tensors.shape(ids_BL);
        Tensor flat = ids_BL.reshape(-1);
        Tensor multimodal = flat.ge(new Scalar(config.vocabSize())).unsqueeze(-1);
        Tensor text = textEmbedding.forward(flat.clamp_max(new Scalar(config.vocabSize() - 1)));
        Tensor mm = mmEmbedding.forward(flat.sub(new Scalar(config.vocabSize())).clamp_min(new Scalar(0)));
        return where(multimodal, mm, text).view(s[0], s[1], config.hiddenSize());
    }

    /** The two final norms, by the kind of position. */
    Tensor norm(Tensor x_BLD, Tensor multimodal_BL1) {
        return where(multimodal_BL1, mmNorm.forward(x_BLD), textNorm.forward(x_BLD));
    }

    /** Final hidden states [..., D] to scores [..., V] in the compute type; V is vocabSize or imageVocabSize. */
    public Tensor logits(Tensor hidden, Head head) {
        // A view that was taken before training began would pass no gradients on.
        boolean trained = head == Head.IMAGE && hidden.requires_grad();
        return (trained ? mmHead.firstRows(config.imageVocabSize()) : head(head)).forward(hidden);
    }

    /**
     * Reads ids into a slot of the cache, after what is there.
     *
     * @throws org.xomni.tensor.InputException if they do not fit
     */
    void prefill(KvCache.Slot slot, int[] ids) {
        slot.require(ids.length);
        for (int from = 0; from < ids.length; from += PREFILL_CHUNK) {
            int length = Math.min(PREFILL_CHUNK, ids.length - from);
            int[] chunk = Arrays.copyOfRange(ids, from, from + length);
            try (Scope scope = Scope.inference()) {
                Tensor ids_BL = Tensors.ids(chunk).to(numerics.torchDevice(), ScalarType.Long).unsqueeze(0);
                Tensor unused = forward(ids_BL, slot.length(), slot.context());
            }
            slot.advance(length);
        }
    }

    @Override
    public void close() {
        store.close();
    }
}
