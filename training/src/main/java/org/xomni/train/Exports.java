package org.xomni.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Folders;
import org.xomni.tensor.Json;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.node.ObjectNode;

/** Writes trained components in the released layout, weights in bf16. */
public final class Exports {
    private Exports() {}

    /** Writes what a folder holds; gets an empty one. */
    @FunctionalInterface
    public interface Content {
        void writeTo(Path folder);
    }

    /**
     * Puts a folder in the place of the one of before, which stays until the new one is whole.
     *
     * @throws XOmniException if the disk does not take it
     */
    public static void replace(Path folder, Content content) {
        Path partial = folder.resolveSibling(folder.getFileName() + ".writing");
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            Folders.delete(partial);
            Files.createDirectories(partial);
            content.writeTo(partial);
            Folders.delete(folder);
            Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new XOmniException(folder + " cannot be written (" + e + "); free space or fix permissions, then continue with --resume", e);
        }
    }

    /** The weights of a component, without its name, as safetensors. */
    public static void safetensors(Path file, String component, Map<String, Tensor> weights) {
        try (Scope scope = Scope.plain()) {
            SafetensorsFile.write(file, bf16(component, weights), Map.of("format", "pt"));
        }
    }

    /** The weights of a component, without its name, as {@code torch.save} writes a state dict. */
    static void torchArchive(Path file, String component, Map<String, Tensor> weights) {
        try (Scope scope = Scope.plain()) {
            TorchArchive.write(file, bf16(component, weights));
        }
    }

    private static List<StoredTensor> bf16(String component, Map<String, Tensor> weights) {
        String prefix = component + "/";
        List<StoredTensor> stored = new ArrayList<>();
        weights.forEach((name, weight) -> {
            if (name.startsWith(prefix)) {
                stored.add(Tensors.stored(name.substring(prefix.length()), weight.detach().to(ScalarType.BFloat16).cpu().contiguous()));
            }
        });
        return stored;
    }

    /** A configuration with some top-level values replaced. */
    static void config(Path file, ConfigFile original, Map<String, Double> replaced) {
        ObjectNode json = (ObjectNode) Json.readObject(original.file()).deepCopy();
        replaced.forEach(json::put);
        try {
            Files.createDirectories(Objects.requireNonNull(file.toAbsolutePath().getParent(), "a file lies in a folder"));
            Files.writeString(file, Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
        } catch (IOException e) {
            throw new XOmniException(file + " cannot be written (" + e + "); check permissions and free space", e);
        }
    }
}
