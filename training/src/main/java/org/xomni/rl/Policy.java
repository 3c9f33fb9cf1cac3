package org.xomni.rl;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.nn.Linear;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.LowRank;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;
import org.xomni.train.Exports;
import org.xomni.train.Initial;
import org.xomni.train.ParameterGroup;
import org.xomni.train.UnifiedStage;

/**
 * The unified model that is trained, and the reference: the same model as it was, frozen.
 *
 * @param model pi
 * @param reference pi_ref; mapped from the files where its type allows it
 * @param lowRank of adapters, if these alone are trained
 */
public record Policy(UnifiedModel model, UnifiedModel reference, @Nullable LowRank lowRank) implements AutoCloseable {
    static final String COMPONENT = "model/";
    /** Bytes that are summed up at once: a buffer has 2 GiB at most. */
    private static final long MOST_BYTES = 1 << 30;

    /**
     * Loads both.
     *
     * @param start a folder with {@code model*.safetensors}
     * @param seed of fresh adapters
     * @throws org.xomni.tensor.CheckpointException if weights are missing or have other shapes
     */
    public static Policy load(UnifiedConfig config, Path start, @Nullable LowRank lowRank, long seed, Numerics numerics) {
        UnifiedModel reference = frozen(config, start, numerics);
        try {
            return new Policy(lowRank == null ? UnifiedStage.started(config, start, numerics) : adapted(config, start, lowRank, seed, numerics), reference, lowRank);
        } catch (RuntimeException e) {
            reference.close();
            throw e;
        }
    }

    /** A model that stays as it is, mapped from its files where its type allows it. */
    public static UnifiedModel frozen(UnifiedConfig config, Path folder, Numerics numerics) {
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        return UnifiedModel.of(config, ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), numerics));
    }

    /** B begins at zero, so that the policy begins as the reference. */
    private static UnifiedModel adapted(UnifiedConfig config, Path start, LowRank lowRank, long seed, Numerics numerics) {
        Initializer fresh = Initial.scaled(seed, 0, (name, fanIn) -> name.endsWith(LowRank.B) ? 0 : 1);
        ShardedSafetensors weights = ShardedSafetensors.open(start, "model");
        return UnifiedModel.of(config, ParameterStore.adapted(start.toString(), weights.tensors(), List.of(weights), lowRank, fresh, numerics));
    }

    /** What is trained: everything, or the adapters. */
    ParameterGroup trained() {
        return ParameterGroup.of("model", model.store(), name -> lowRank == null || LowRank.isAdapter(name), 1);
    }

    /** Tells the reference's weights, as they are in memory, from others: with those that a run began with it has to go on. */
    String referenceFingerprint() {
        CRC32C sum = new CRC32C();
        new TreeMap<>(reference.store().parameters()).forEach((name, parameter) -> {
            try (Scope scope = Scope.plain()) {
                MemorySegment bytes = Tensors.segment(parameter.detach().cpu().contiguous());
                for (long from = 0; from < bytes.byteSize(); from += MOST_BYTES) {
                    sum.update(bytes.asSlice(from, Math.min(MOST_BYTES, bytes.byteSize() - from)).asByteBuffer());
                }
            }
        });
        return Long.toHexString(sum.getValue());
    }

    /**
     * Writes the policy as a plain checkpoint's weights, adapters merged.
     *
     * @param folder gets {@code model/model.safetensors}
     * @param weights of what is trained, fp32, by the names of {@link #trained}
     */
    void export(Path folder, Map<String, Tensor> weights) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        model.store().parameters().forEach((name, parameter) -> {
            if (!LowRank.isAdapter(name)) {
                Tensor plain = weights.getOrDefault(COMPONENT + name, parameter);
                Tensor a = adapter(name, LowRank.A, weights);
                Tensor b = adapter(name, LowRank.B, weights);
                all.put(COMPONENT + name, lowRank == null || a == null || b == null ? plain : Linear.Lora.merge(plain, a, b, lowRank.scale()));
            }
        });
        Exports.safetensors(folder.resolve("model").resolve("model.safetensors"), "model", all);
    }

    private static @Nullable Tensor adapter(String name, String part, Map<String, Tensor> weights) {
        String weight = "weight";
        return name.endsWith(weight) ? weights.get(COMPONENT + name.substring(0, name.length() - weight.length()) + part) : null;
    }

    @Override
    public void close() {
        model.close();
        reference.close();
    }
}
