package org.xomni.autoregressive;

// Shapes: B rows, D width, H query heads, G key-value heads, K head width, T positions of the longest slot, V scores.

import static org.bytedeco.pytorch.global.torch.arange;
import static org.bytedeco.pytorch.global.torch.cat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Attention;
import org.xomni.nn.Rope;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * A step by libtorch operations, on any device: linear layers see all rows as one batch. Attention goes row by row, over what each row has read, or
 * side by side, over the longest with the rest masked: more arithmetic in a fixed number of operations, for devices on which these count.
 */
final class TorchDecodeStep implements DecodeStep {
    private final UnifiedModel model;
    private final boolean sideBySide;

    /** @param sideBySide whether attention looks at all rows at once; all are of one cache then */
    TorchDecodeStep(UnifiedModel model, boolean sideBySide) {
        this.model = model;
        this.sideBySide = sideBySide;
    }

    @Override
    public List<float[]> run(List<Row> rows) {
        int[] ids = rows.stream().mapToInt(Row::id).toArray();
        int[] positions = rows.stream().mapToInt(r -> r.slot().length()).toArray();
        List<float[]> scores;
        try (Scope scope = Scope.inference()) {
            Tensor ids_B1 = placed(ids).unsqueeze(1);
            Tensor positions_B = placed(positions);
            Tensor multimodal = model.multimodal(ids_B1);
            Rope rope = model.rope().rows(positions_B);
            AttentionContext context = sideBySide ? sideBySide(rows, positions, positions_B) : rowByRow(rows);
            Tensor x = model.embed(ids_B1);
            for (TransformerBlock block : model.blocks()) {
                try (Scope layer = Scope.plain()) {
                    x = layer.keep(block.forward(x, multimodal, rope, context));
                }
            }
            scores = scores(model.norm(x, multimodal), rows);
        }
        rows.forEach(r -> r.slot().advance(1));
        return scores;
    }

    private Tensor placed(int[] values) {
        return model.numerics().place(Tensors.ids(values));
    }

    /** The scores of each row by its own head. Row by row they do not depend on company; side by side each head takes its rows in one pass. */
    private List<float[]> scores(Tensor hidden_B1D, List<Row> rows) {
        if (!sideBySide) {
            return IntStream.range(0, rows.size())
                    .mapToObj(b -> Tensors.floats(model.logits(hidden_B1D.select(0, b), rows.get(b).head())))
                    .toList();
        }
        float[][] scores = new float[rows.size()][];
        for (Head head : Head.values()) {
            int[] which = IntStream.range(0, rows.size()).filter(b -> rows.get(b).head() == head).toArray();
            if (which.length > 0) {
                float[] all = Tensors.floats(model.logits(hidden_B1D.squeeze(1).index_select(0, placed(which)), head));
                int each = all.length / which.length;
                for (int i = 0; i < which.length; i++) {
                    scores[which[i]] = Arrays.copyOfRange(all, i * each, (i + 1) * each);
                }
            }
        }
        return List.of(scores);
    }

    private static AttentionContext rowByRow(List<Row> rows) {
        return (layer, q, k, v) -> {
            TensorVector attended = new TensorVector();
            for (int b = 0; b < rows.size(); b++) {
                AttentionContext row = rows.get(b).slot().context();
                attended.push_back(row.attend(layer, q.narrow(0, b, 1), k.narrow(0, b, 1), v.narrow(0, b, 1)));
            }
            return cat(attended, 0);
        };
    }

    private AttentionContext sideBySide(List<Row> rows, int[] positions, Tensor positions_B) {
        KvCache cache = rows.getFirst().slot().cache();
        int longest = Arrays.stream(positions).max().orElse(0) + 1;
        Tensor slots_B = placed(rows.stream().mapToInt(r -> r.slot().index()).toArray());
        long groups = model.config().keyValueHeads();
        Tensor places_N = slots_B.unsqueeze(1).mul(new Scalar(groups)).add(arange(new Scalar(groups), slots_B.options()))
                .mul(new Scalar((long) cache.capacity()))
                .add(positions_B.unsqueeze(1))
                .flatten();
        Tensor visible_B11T = arange(new Scalar((long) longest), slots_B.options()).le(positions_B.unsqueeze(1)).unsqueeze(1).unsqueeze(1);
        return (layer, q, k, v) -> Attention.visible(
                q,
                remembered(cache.keys(layer), k, places_N, slots_B, longest),
                remembered(cache.values(layer), v, places_N, slots_B, longest),
                visible_B11T);
    }

    /** Stores what is fresh in the cache; all that the rows have read, [B, G, T, K]. */
    private static Tensor remembered(Tensor cache_SGTK, Tensor fresh_BG1K, Tensor places_N, Tensor slots_B, long longest) {
        long width = cache_SGTK.size(3);
        Tensor unused = cache_SGTK.view(-1, width).index_copy_(0, places_N, fresh_BG1K.reshape(-1, width));
        return cache_SGTK.narrow(2, 0, longest).index_select(0, slots_B);
    }

    @Override
    public void close() {}
}
