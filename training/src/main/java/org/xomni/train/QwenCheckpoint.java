package org.xomni.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.UnmadeTensor;

/**
 * The weights of a unified model made from those of a Qwen2.5 language model (paper section 3.2): its blocks stand between the vision-specific
 * ones, its embedding, final norm and head become those of text, and the rest is fresh.
 *
 * <pre>
 * model.embed_tokens      -> model.lm_embed_tokens
 * model.layers.i          -> model.layers.(adapter + i)
 * model.norm              -> model.lm_norm
 * lm_head                 -> lm_head; where embeddings are tied, a copy of model.embed_tokens
 * fresh                      model.mm_embed_tokens, model.mm_norm, mm_head, vision-specific model.layers
 * </pre>
 *
 * So text is scored as before: vision-specific blocks leave text positions as they are.
 */
final class QwenCheckpoint {
    private static final String LAYERS = "model.layers.";
    private static final long SHARD_BYTES = 5_000_000_000L;
    private static final int MOST_PROBLEMS_SHOWN = 8;

    private QwenCheckpoint() {}

    /**
     * Writes all weights in bf16, one tensor at a time.
     *
     * @param qwen a folder with {@code model*.safetensors}
     * @param config of the unified model
     * @param fresh makes what Qwen does not have
     * @param folder to write {@code model*.safetensors} to
     * @throws InputException naming what is missing in the folder or has another shape
     */
    static void convert(Path qwen, UnifiedConfig config, Initializer fresh, Path folder) {
        Numerics bf16 = new Numerics(DType.BFLOAT16, DType.BFLOAT16, Quantization.NONE, "cpu");
        try (ShardedSafetensors weights = ShardedSafetensors.open(qwen, "model");
                ParameterStore shapes = ParameterStore.shapes(bf16);
                UnifiedModel model = UnifiedModel.of(config, shapes)) {
            List<UnmadeTensor> tensors = new ArrayList<>();
            List<String> problems = new ArrayList<>();
            for (Map.Entry<String, Tensor> parameter : model.store().parameters().entrySet()) {
                String name = parameter.getKey();
                long[] shape = Tensors.shape(parameter.getValue());
                String from = qwenName(config, name, weights.tensors().containsKey("lm_head.weight"));
                StoredTensor stored = from == null ? null : weights.tensors().get(from);
                if (from == null) {
                    tensors.add(new UnmadeTensor(name, DType.BFLOAT16, shape, out -> bf16(out, () -> fresh.make(name, shape))));
                } else if (stored == null) {
                    problems.add("missing " + from);
                } else if (!Arrays.equals(stored.shape(), shape) || !stored.dtype().isFloat()) {
                    problems.add(from + " is " + stored.dtype() + " " + StoredTensor.shapeText(stored.shape()) + ", expected floats "
                            + StoredTensor.shapeText(shape));
                } else {
                    tensors.add(new UnmadeTensor(name, DType.BFLOAT16, shape, out -> write(out, stored)));
                }
            }
            if (!problems.isEmpty()) {
                throw new InputException(qwen + " does not fit its config.json: "
                        + String.join("; ", problems.subList(0, Math.min(problems.size(), MOST_PROBLEMS_SHOWN)))
                        + (problems.size() > MOST_PROBLEMS_SHOWN ? "; and " + (problems.size() - MOST_PROBLEMS_SHOWN) + " more" : "")
                        + ". Name a whole Qwen2.5 checkpoint as --qwen");
            }
            ShardedSafetensors.writeUnmade(folder, "model", tensors, SHARD_BYTES);
        }
    }

    /** Qwen's name of a parameter; null for a fresh one. */
    private static @Nullable String qwenName(UnifiedConfig config, String name, boolean ownHead) {
        if (name.startsWith(LAYERS)) {
            int end = name.indexOf('.', LAYERS.length());
            int layer = Integer.parseInt(name.substring(LAYERS.length(), end));
            return config.visionSpecific(layer) ? null : LAYERS + (layer - config.adapterLayers()) + name.substring(end);
        }
        return switch (name) {
            case "model.lm_embed_tokens.weight" -> "model.embed_tokens.weight";
            case "model.lm_norm.weight" -> "model.norm.weight";
            case "lm_head.weight" -> ownHead ? name : "model.embed_tokens.weight";
            default -> null;
        };
    }

    private static void write(UnmadeTensor.Out out, StoredTensor stored) throws IOException {
        if (stored.dtype() == DType.BFLOAT16) {
            out.write(stored.bytes());
        } else {
            bf16(out, () -> Tensors.over(stored));
        }
    }

    private static void bf16(UnmadeTensor.Out out, Supplier<Tensor> value) throws IOException {
        try (Scope scope = Scope.frozen()) {
            out.write(Tensors.segment(value.get().to(ScalarType.BFloat16).contiguous()));
        }
    }
}
