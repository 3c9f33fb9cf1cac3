package org.xomni.train;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.TorchArchive;
import org.xomni.tokenizer.VisionTransformer;
import org.xomni.tokenizer.VitConfig;
import tools.jackson.databind.node.ObjectNode;

/**
 * A SigLIP2 ViT on disk, as its weights show it.
 *
 * @param file a {@code .pt} file that {@code torch.save} wrote
 * @param width D
 * @param layers blocks
 * @param patchSize pixels along a side of a patch
 * @param mlpWidth of the hidden layer
 * @param name that stands for these dimensions, or null
 * @param heads of attention, which weights do not show; 0 where the name tells
 */
public record Vit(Path file, int width, int layers, int patchSize, int mlpWidth, @Nullable String name, int heads) {
    /** The tokenizer's ViT in the paper, and its width. */
    static final String RELEASED = "siglip2_giant_patch16_384";

    static final int RELEASED_WIDTH = 1536;

    /**
     * Reads the shapes of a file.
     *
     * @param heads of attention, for a ViT that no name stands for; else 0
     * @throws InputException if it is no such ViT, or heads are missing
     */
    public static Vit read(Path file, int heads) {
        try (TorchArchive archive = TorchArchive.open(file)) {
            Map<String, StoredTensor> tensors = archive.tensors();
            long[] patches = shape(archive, "patch_embed.proj.weight", 4);
            long[] hidden = shape(archive, "blocks.0.mlp.fc1.weight", 2);
            int layers = 0;
            while (tensors.containsKey("blocks." + layers + ".mlp.fc1.weight")) {
                layers++;
            }
            int width = (int) patches[0];
            Optional<String> name = VitConfig.nameOf(width, layers, (int) patches[2]);
            if (name.isEmpty() && (heads < 1 || width % heads != 0)) {
                throw new InputException(file + " is a ViT of width " + width + " and " + layers + " layers, which has no name here, and "
                        + heads + " heads do not divide its width; say how many heads it has with --siglip-heads");
            }
            Vit vit = new Vit(file, width, layers, (int) patches[2], (int) hidden[0], name.orElse(null), name.isEmpty() ? heads : 0);
            vit.check(tensors);
            return vit;
        }
    }

    /** All other parameters, whose shapes follow from these. */
    private void check(Map<String, StoredTensor> tensors) {
        try (ParameterStore store = ParameterStore.dry(file.toString(), tensors, Numerics.cpu(DType.FLOAT32))) {
            var unused = VisionTransformer.of(
                    store.root(), new VitConfig(width, layers, Math.max(1, heads), patchSize, mlpRatio()), VisionTransformer.grid(tensors));
            if (!store.problems().isEmpty()) {
                throw new InputException(file + " is no SigLIP2 ViT: " + store.problems().getFirst()
                        + "; name the state dict of one in timm's names");
            }
        }
    }

    /** Such that the hidden width is this one after rounding down. */
    private double mlpRatio() {
        return (mlpWidth + 0.5) / width;
    }

    private static long[] shape(TorchArchive archive, String name, int dimensions) {
        StoredTensor tensor = archive.tensors().get(name);
        if (tensor == null || tensor.shape().length != dimensions) {
            throw new InputException(archive.path() + (tensor == null ? " has no " + name : ": " + name + " has shape "
                    + StoredTensor.shapeText(tensor.shape())) + "; name the state dict of a SigLIP2 ViT in timm's names as --siglip");
        }
        return tensor.shape();
    }

    /** Says in {@code vision_config.encoder} which ViT it is. */
    void describe(ObjectNode encoder) {
        encoder.put("siglip_name", name == null ? "vit_" + width + "_patch" + patchSize : name);
        if (name == null) {
            encoder.putObject("siglip_config").put("width", width).put("layers", layers).put("heads", heads).put("patch_size", patchSize)
                    .put("mlp_ratio", mlpRatio());
        }
    }
}
