package org.xomni.tensor;

import java.nio.file.Path;
import java.util.Map;

/** An open file of named tensors: {@link SafetensorsFile} or {@link TorchArchive}. Mapped, so that bytes are read only when used. */
public sealed interface TensorFile extends AutoCloseable permits SafetensorsFile, TorchArchive {

    /** Where it lies. */
    Path path();

    /** The tensors by name, in the order of the file. */
    Map<String, StoredTensor> tensors();

    /** Unmaps the file. Tensors made over its bytes must be gone. */
    @Override
    void close();
}
