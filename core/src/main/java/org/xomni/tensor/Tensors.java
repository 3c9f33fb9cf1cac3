package org.xomni.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Between Java arrays, stored bytes and libtorch tensors. */
public final class Tensors {
    private Tensors() {}

    /** A pointer at an address that something else owns. */
    private static final class Address extends Pointer {
        Address(long address) {
            this.address = address;
        }
    }

    /** A tensor over the stored bytes, without copying; the file must stay open while it lives, and it must never be written to. */
    public static Tensor over(StoredTensor stored) {
        Engine.start();
        MemorySegment bytes = stored.bytes();
        TensorOptions options = new TensorOptions(stored.dtype().scalarType());
        if (bytes.byteSize() == 0) {
            return torch.empty(stored.shape(), options, null);
        }
        if (bytes.address() % stored.dtype().bytes() != 0) {
            Tensor copy = torch.empty(stored.shape(), options, null);
            segment(copy).copyFrom(bytes);
            return copy;
        }
        return torch.from_blob(new Address(bytes.address()), stored.shape(), options);
    }

    /** The stored form of a contiguous CPU tensor, over its own memory: valid while the tensor lives. */
    public static StoredTensor stored(String name, Tensor tensor) {
        return new StoredTensor(name, DType.of(tensor.scalar_type()), shape(tensor), segment(tensor));
    }

    /**
     * The memory of a contiguous CPU tensor; valid while the tensor lives.
     *
     * @throws IllegalArgumentException if the tensor is not contiguous or not on the CPU
     */
    public static MemorySegment segment(Tensor tensor) {
        if (!tensor.is_contiguous() || !tensor.is_cpu()) {
            throw new IllegalArgumentException("only contiguous CPU tensors have a segment");
        }
        return MemorySegment.ofAddress(tensor.data_ptr().address()).reinterpret(tensor.nbytes());
    }

    /** The sizes; makes no native objects, so it may be asked outside of all scopes. */
    public static long[] shape(Tensor tensor) {
        long[] shape = new long[Math.toIntExact(tensor.dim())];
        Arrays.setAll(shape, tensor::size);
        return shape;
    }

    /** All elements as floats, in row-major order. */
    public static float[] floats(Tensor tensor) {
        try (Scope scope = Scope.plain()) {
            Tensor t = tensor.detach().cpu().to(ScalarType.Float).contiguous();
            float[] out = new float[Math.toIntExact(t.numel())];
            MemorySegment.copy(segment(t), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, out, 0, out.length);
            return out;
        }
    }

    /** All elements as ints, in row-major order. */
    public static int[] ints(Tensor tensor) {
        try (Scope scope = Scope.plain()) {
            Tensor t = tensor.detach().cpu().to(ScalarType.Int).contiguous();
            int[] out = new int[Math.toIntExact(t.numel())];
            MemorySegment.copy(segment(t), ValueLayout.JAVA_INT_UNALIGNED, 0, out, 0, out.length);
            return out;
        }
    }

    /** An fp32 CPU tensor that holds a copy of the values. */
    public static Tensor of(float[] values, long... shape) {
        Engine.start();
        Tensor t = torch.empty(shape, new TensorOptions(ScalarType.Float), null);
        MemorySegment.copy(values, 0, segment(t), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        return t;
    }

    /** A uint8 CPU tensor that holds a copy of the values. */
    public static Tensor of(byte[] values, long... shape) {
        Engine.start();
        Tensor t = torch.empty(shape, new TensorOptions(ScalarType.Byte), null);
        MemorySegment.copy(values, 0, segment(t), ValueLayout.JAVA_BYTE, 0, values.length);
        return t;
    }

    /** An int64 CPU tensor that holds a copy of the values. */
    public static Tensor of(long[] values, long... shape) {
        Engine.start();
        Tensor t = torch.empty(shape, new TensorOptions(ScalarType.Long), null);
        MemorySegment.copy(values, 0, segment(t), ValueLayout.JAVA_LONG_UNALIGNED, 0, values.length);
        return t;
    }

    /** A one-dimensional int64 CPU tensor of ids, as embeddings take them. */
    public static Tensor ids(int... ids) {
        long[] wide = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            wide[i] = ids[i];
        }
        return of(wide, ids.length);
    }

    /** Standard normal fp32 noise on the CPU: {@code torch.randn(shape, generator)}, the same numbers as Python's for the same seed. */
    public static Tensor normal(Randomness randomness, long... shape) {
        return torch.randn(shape, new GeneratorOptional(randomness.generator()), new TensorOptions(ScalarType.Float));
    }

    /** libtorch's optional argument. */
    public static TensorOptional optional(@Nullable Tensor tensor) {
        return tensor == null ? new TensorOptional() : new TensorOptional(tensor);
    }
}
