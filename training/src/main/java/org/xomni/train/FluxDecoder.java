package org.xomni.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.FluxTransformer;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.UnmadeTensor;
import tools.jackson.databind.node.ObjectNode;

/**
 * The diffusion decoder made from the transformer of a FLUX.1 pipeline (paper section 3.3): its weights, and a layer for token features that
 * begins at zero, so that it first draws what FLUX would.
 */
final class FluxDecoder {
    private static final String BASE = "diffusion_pytorch_model";
    private static final long SHARD_BYTES = 10_000_000_000L;

    private FluxDecoder() {}

    /**
     * Writes configuration and weights, in the types that they have.
     *
     * @param transformer FLUX's folder of that name
     * @param featureWidth of the tokenizer's features
     * @throws org.xomni.tensor.CheckpointException if it is no FLUX transformer
     */
    static void convert(Path transformer, int featureWidth, Path folder) throws IOException {
        ObjectNode json = (ObjectNode) Json.readObject(transformer.resolve("config.json")).deepCopy();
        json.put("_class_name", "FluxTransformer2DModelWithSigLIP").put("siglip_channels", featureWidth).put("drop_token_prob", 0.1);
        if (!json.hasNonNull("axes_dims_rope")) {
            // Files of the first diffusers that knew FLUX do not say what was fixed then.
            json.putArray("axes_dims_rope").add(16).add(56).add(56);
        }
        Files.createDirectories(folder);
        Path config = folder.resolve("config.json");
        Files.writeString(config, Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
        try (ShardedSafetensors weights = ShardedSafetensors.open(transformer, BASE)) {
            long[] shape = {DecoderConfig.of(ConfigFile.read(config)).width(), featureWidth};
            List<UnmadeTensor> tensors = new ArrayList<>();
            for (StoredTensor tensor : weights.tensors().values()) {
                tensors.add(UnmadeTensor.of(tensor));
            }
            DType dtype = weights.tensors().values().iterator().next().dtype();
            tensors.add(new UnmadeTensor("siglip_embed.weight", dtype, shape, out -> out.write(
                    java.lang.foreign.MemorySegment.ofArray(new byte[Math.toIntExact(shape[0] * shape[1] * dtype.bytes())]))));
            ShardedSafetensors.writeUnmade(folder, BASE, tensors, SHARD_BYTES);
        }
        check(folder, config);
    }

    private static void check(Path folder, Path config) {
        try (ShardedSafetensors written = ShardedSafetensors.open(folder, BASE);
                ParameterStore store = ParameterStore.dry(folder.toString(), written.tensors(), Numerics.cpu(DType.FLOAT32))) {
            new FluxTransformer(DecoderConfig.of(ConfigFile.read(config)), Conditioning.Kind.of(written.tensors().keySet()), store).close();
        }
    }
}
