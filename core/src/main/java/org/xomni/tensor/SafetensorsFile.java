package org.xomni.tensor;

import java.nio.file.Path;
import java.util.Map;

public final class SafetensorsFile implements TensorFile {
    @Override public Path path() { throw new IllegalStateException(); }
    @Override public Map<String, StoredTensor> tensors() { throw new IllegalStateException(); }
    @Override public void close() { }
}
