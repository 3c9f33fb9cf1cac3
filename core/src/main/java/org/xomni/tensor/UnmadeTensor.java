package org.xomni.tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * A tensor that is to be written and need not exist before its turn comes, so that a model can be converted or drawn that does not fit into
 * memory.
 *
 * @param name the parameter's name in the checkpoint
 * @param dtype the element type
 * @param shape the sizes, outermost first
 * @param content its elements, row-major and little-endian
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and shapes are arrays everywhere in libtorch
public record UnmadeTensor(String name, DType dtype, long[] shape, Content content) {

    /** Makes the elements. */
    @FunctionalInterface
    public interface Content {
        /** Hands over all elements at once; they need to be there until {@code out} returns. */
        void make(Out out) throws IOException;
    }

    /** Takes the elements. */
    @FunctionalInterface
    public interface Out {
        void write(MemorySegment bytes) throws IOException;
    }

    /** One that exists already. */
    public static UnmadeTensor of(StoredTensor tensor) {
        return new UnmadeTensor(tensor.name(), tensor.dtype(), tensor.shape(), out -> out.write(tensor.bytes()));
    }

    /** How many bytes it will have. */
    long byteSize() {
        return StoredTensor.byteSize(dtype, shape);
    }
}
