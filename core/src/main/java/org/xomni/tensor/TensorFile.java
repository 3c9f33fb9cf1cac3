package org.xomni.tensor;

import java.nio.file.Path;
import java.util.Map;

/** Open named tensors, in one file or in a folder of shards. Mapped, so that bytes are read only when used. */
public sealed interface TensorFile extends AutoCloseable permits SafetensorsFile, ShardedSafetensors, TorchArchive {

    /** Where it lies: a file, or the folder of the shards. */
    Path path();

    /** The tensors by name, in the order of the file. */
    Map<String, StoredTensor> tensors();

    /**
     * The tensor of this name.
     *
     * @throws CheckpointException if there is none
     */
    default StoredTensor tensor(String name) {
        StoredTensor tensor = tensors().get(name);
        if (tensor == null) {
            throw new CheckpointException(path() + " has no tensor " + Json.quoted(name) + " among its " + tensors().size()
                    + "; use a checkpoint of this model");
        }
        return tensor;
    }

    /** Unmaps the file. Tensors made over its bytes must be gone. */
    @Override
    void close();
}
