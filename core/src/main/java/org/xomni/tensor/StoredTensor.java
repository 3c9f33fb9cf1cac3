package org.xomni.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * One tensor as it lies in a file: contiguous, row-major, little-endian.
 *
 * @param name the parameter's name in the checkpoint
 * @param dtype the element type
 * @param shape the sizes, outermost first; empty for a scalar
 * @param bytes the elements and nothing else, usually a slice of the mapped file; valid while the {@link TensorFile} is open
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and shapes are arrays everywhere in libtorch
public record StoredTensor(String name, DType dtype, long[] shape, MemorySegment bytes) {

    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException if the bytes are not as many as dtype and shape ask for
     */
    public StoredTensor {
        if (bytes.byteSize() != byteSize(dtype, shape)) {
            throw new IllegalArgumentException(name + ": " + bytes.byteSize() + " bytes for " + dtype + " " + shapeText(shape));
        }
    }

    /** How many elements the shape holds. */
    public long elements() {
        return bytes.byteSize() / dtype.bytes();
    }

    /**
     * Whether the bytes start at an address that is a multiple of the element's size. A safetensors file need not align its tensors; the
     * bytes of one that is not aligned have to be copied before they are used as numbers.
     */
    public boolean isAligned() {
        return bytes.address() % dtype.bytes() == 0;
    }

    /** {@code [64, 3, 16, 16]}. */
    public static String shapeText(long[] shape) {
        return Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }

    /**
     * The bytes that dtype and shape ask for.
     *
     * @throws ArithmeticException if that is more than a {@code long} counts
     */
    static long byteSize(DType dtype, long[] shape) {
        return Arrays.stream(shape).reduce(dtype.bytes(), Math::multiplyExact);
    }
}
