package org.xomni.autoregressive;

// Shapes: B rows, D width, H query heads, G key-value heads, K head width, T positions of a slot.

import static org.bytedeco.pytorch.global.torch.cat;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Rope;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/** A step by libtorch operations, on any device: linear layers see all rows as one batch, attention goes row by row. */
final class TorchDecodeStep implements DecodeStep {
    private final UnifiedModel model;

    TorchDecodeStep(UnifiedModel model) {
        this.model = model;
    }

    @Override
    public List<float[]> run(List<Row> rows) {
        int[] ids = rows.stream().mapToInt(Row::id).toArray();
        int[] positions = rows.stream().mapToInt(r -> r.slot().length()).toArray();
        List<float[]> scores = new ArrayList<>();
        try (Scope scope = Scope.inference()) {
            var device = model.numerics().torchDevice();
            Tensor ids_B1 = Tensors.ids(ids).to(device, ScalarType.Long).unsqueeze(1);
            Tensor multimodal = model.multimodal(ids_B1);
            Rope rope = model.rope().rows(Tensors.ids(positions).to(device, ScalarType.Long));
            AttentionContext context = rowByRow(rows);
            Tensor x = model.embed(ids_B1);
            for (TransformerBlock block : model.blocks()) {
                try (Scope layer = Scope.plain()) {
                    x = layer.keep(block.forward(x, multimodal, rope, context));
                }
            }
            Tensor hidden = model.norm(x, multimodal);
            for (int b = 0; b < rows.size(); b++) {
                scores.add(Tensors.floats(model.logits(hidden.select(0, b), rows.get(b).head())));
            }
        }
        rows.forEach(r -> r.slot().advance(1));
        return scores;
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

    @Override
    public void close() {}
}
