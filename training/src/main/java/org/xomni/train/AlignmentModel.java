package org.xomni.train;

// Shapes: B images, L image tokens, T text ids, D feature width, E language width, V vocabulary.

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.xomni.autoregressive.AttentionContext;
import org.xomni.autoregressive.TransformerBlock;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.nn.Embedding;
import org.xomni.nn.Linear;
import org.xomni.nn.RmsNorm;
import org.xomni.nn.Rope;
import org.xomni.tensor.InputException;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Tensors;
import org.xomni.tokenizer.VectorQuantizer;

/**
 * The language model that the tokenizer is aligned with (paper section 3.1; there Qwen2.5-1.5B): it reads the features of an image through an
 * adapter of one residual block, then a question, and must give the answer. Only the tokenizer's stage needs it.
 */
public final class AlignmentModel implements AutoCloseable {
    /** Enough for an image of 1152 x 1152 pixels and all that is said about it. */
    private static final int MOST_POSITIONS = 1 << 14;

    /**
     * Its sizes.
     *
     * @param width E
     * @param layers Qwen2 blocks
     * @param heads of attention
     */
    public record Settings(int width, int layers, int heads) {
        public Settings {
            if (width < 1 || layers < 1 || heads < 1 || width % (2 * heads) != 0) {
                throw new InputException("the language model's width " + width + " must be divisible by twice its heads " + heads
                        + ", and layers " + layers + " at least 1");
            }
        }
    }

    /**
     * Questions about an image and their answers.
     *
     * @param ids of all that is said
     * @param answers which of them are to be learned
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Exchange(int[] ids, BitSet answers) {}

    private final ParameterStore store;
    private final VectorQuantizer.ResidualBlock adapter;
    private final Linear projection;
    private final Embedding embedding;
    private final List<TransformerBlock> blocks;
    private final RmsNorm norm;
    private final Linear head;
    private final Rope rope;

    AlignmentModel(Settings s, int features, int vocabulary, ParameterStore store) {
        Parameters p = store.root();
        UnifiedConfig config = new UnifiedConfig(
                s.width(), 8 * s.width() / 3, s.layers(), 0, 0, s.heads(), s.heads(), s.width() / s.heads(), vocabulary, 1, 1, MOST_POSITIONS, 10_000, 1e-6,
                List.of("begin", "end", "header"));
        this.store = store;
        this.adapter = VectorQuantizer.ResidualBlock.of(p.at("adapter"), features);
        this.projection = Linear.of(p.at("projection"), features, s.width());
        this.embedding = Embedding.of(p.at("embed_tokens"), vocabulary, s.width());
        this.blocks = IntStream.range(0, s.layers()).mapToObj(i -> TransformerBlock.of(p.at("layers", i), config, i)).toList();
        this.norm = RmsNorm.of(p.at("norm"), s.width(), 1e-6);
        this.head = Linear.of(p.at("lm_head"), s.width(), vocabulary, false);
        this.rope = Rope.of(p, MOST_POSITIONS, s.width() / s.heads(), 10_000);
        store.check();
    }

    ParameterStore store() {
        return store;
    }

    /**
     * Mean negative log-likelihood of the answers.
     *
     * @param features_BDhw of the images
     * @param exchanges one for each image, an answer in at least one of them
     * @throws InputException if an image and its exchange are longer than what the model can read
     */
    Tensor loss(Tensor features_BDhw, List<Exchange> exchanges) {
        long batch = features_BDhw.size(0);
        int length = (int) (features_BDhw.size(2) * features_BDhw.size(3));
        int text = exchanges.stream().mapToInt(e -> e.ids().length).max().orElse(0);
        if (length + text > MOST_POSITIONS) {
            throw new InputException("an image of " + length + " tokens and " + text + " ids of text are more than the " + MOST_POSITIONS
                    + " positions of the language model; take smaller images");
        }
        long[] ids = new long[(int) batch * text];
        List<Long> rows = new ArrayList<>();
        List<Long> targets = new ArrayList<>();
        for (int b = 0; b < batch; b++) {
            int[] own = exchanges.get(b).ids();
            for (int t = 0; t < own.length; t++) {
                ids[b * text + t] = own[t];
                if (exchanges.get(b).answers().get(t)) {
                    // The position before predicts it.
                    rows.add((long) b * (length + text) + length + t - 1);
                    targets.add((long) own[t]);
                }
            }
        }
        Tensor images_BLE = projection.forward(adapter.forward(features_BDhw).flatten(2, 3).transpose(1, 2));
        Tensor text_BTE = embedding.forward(Tensors.of(ids, ids.length).to(features_BDhw.device(), torch.ScalarType.Long)).view(batch, text, images_BLE.size(2));
        Tensor x = torch.cat(new TensorVector(images_BLE, text_BTE), 1);
        Rope here = rope.range(0, length + text);
        AttentionContext context = AttentionContext.wholeSequences();
        for (TransformerBlock block : blocks) {
            // No block is vision-specific, so which positions are multimodal decides nothing.
            x = block.forward(x, x, here, context);
        }
        Tensor asked = norm.forward(x.reshape(batch * (length + text), x.size(2)).index_select(0, longs(rows, features_BDhw)));
        return torch.cross_entropy_loss(head.forward(asked).to(torch.ScalarType.Float), longs(targets, features_BDhw));
    }

    /** Where another tensor lies. */
    private static Tensor longs(List<Long> values, Tensor beside) {
        return Tensors.of(values.stream().mapToLong(Long::longValue).toArray(), values.size()).to(beside.device(), torch.ScalarType.Long);
    }

    @Override
    public void close() {
        store.close();
    }
}
