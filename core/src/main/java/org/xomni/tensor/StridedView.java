package org.xomni.tensor;

import java.lang.foreign.MemorySegment;

/**
 * How a tensor lies in its storage: element {@code [i, j, ...]} is at {@code offset + i * strides[0] + j * strides[1] + ...}.
 *
 * @param dtype the element type
 * @param offset where the first element is, in elements
 * @param shape the sizes, outermost first
 * @param strides the steps, in elements
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record StridedView(DType dtype, long offset, long[] shape, long[] strides) {

    /**
     * The bytes of the elements side by side.
     *
     * @throws ArithmeticException if that is more than a {@code long} counts
     */
    long byteSize() {
        return StoredTensor.byteSize(dtype, shape);
    }

    /**
     * Whether the view is well-formed and all its elements are within a storage.
     *
     * @throws ArithmeticException if an element's place is more than a {@code long} counts
     */
    boolean isWithin(long storageBytes) {
        if (offset < 0 || shape.length != strides.length) {
            return false;
        }
        long last = offset;
        boolean empty = false;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] < 0 || strides[i] < 0) {
                return false;
            }
            empty |= shape[i] == 0;
            last = Math.addExact(last, Math.multiplyExact(Math.max(shape[i] - 1, 0), strides[i]));
        }
        return Math.multiplyExact(empty ? offset : Math.incrementExact(last), dtype.bytes()) <= storageBytes;
    }

    /** Whether the elements lie side by side, the last dimension fastest. */
    boolean isRowMajor() {
        long expected = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            if (shape[i] == 0) {
                return true;
            }
            if (shape[i] != 1 && strides[i] != expected) {
                return false;
            }
            expected *= shape[i];
        }
        return true;
    }

    /** The bytes of a view that {@link #isRowMajor()}. */
    MemorySegment slice(MemorySegment storage) {
        return storage.asSlice(offset * dtype.bytes(), byteSize());
    }

    /** Writes the elements side by side. */
    void copyTo(MemorySegment storage, MemorySegment target) {
        int elementBytes = dtype.bytes();
        long[] index = new long[shape.length];
        long from = offset * elementBytes;
        for (long to = 0; to < target.byteSize(); to += elementBytes) {
            MemorySegment.copy(storage, from, target, to, elementBytes);
            for (int i = shape.length - 1; i >= 0; i--) {
                from += strides[i] * elementBytes;
                if (++index[i] < shape[i]) {
                    break;
                }
                from -= strides[i] * elementBytes * shape[i];
                index[i] = 0;
            }
        }
    }
}
