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
 * @param bytes the elements, usually a slice of the mapped file; valid while the {@link TensorFile} is open
 */
public record StoredTensor(String name, DType dtype, long[] shape, MemorySegment bytes) {

    /** How many elements the shape holds. */
    public long elements() {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /** {@code [64, 3, 16, 16]}. */
    public static String shapeText(long[] shape) {
        return Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
