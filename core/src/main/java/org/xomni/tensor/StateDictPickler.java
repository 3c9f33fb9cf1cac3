package org.xomni.tensor;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Pickles a state dict, protocol 2, with the very bytes of Python's own pickler for an {@code OrderedDict} of contiguous CPU tensors that
 * need no gradient. The data of the i-th tensor is left to the record {@code data/i}. {@link Unpickler} explains the opcodes.
 */
final class StateDictPickler {
    private static final int BATCH = 1000;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final Map<Object, Integer> memo = new HashMap<>();
    private int memoSize;

    private StateDictPickler() {}

    static byte[] pickle(List<StoredTensor> tensors) {
        StateDictPickler pickler = new StateDictPickler();
        pickler.op(0x80, 2);
        pickler.orderedDict();
        for (int from = 0; from < tensors.size(); from += BATCH) {
            int to = Math.min(from + BATCH, tensors.size());
            boolean alone = to - from == 1;
            if (!alone) {
                pickler.op('(');
            }
            for (int i = from; i < to; i++) {
                pickler.item(tensors.get(i), i);
            }
            pickler.op(alone ? 's' : 'u');
        }
        pickler.op('.');
        return pickler.out.toByteArray();
    }

    private void item(StoredTensor tensor, int key) {
        string(tensor.name());
        global("torch._utils", "_rebuild_tensor_v2");
        op('(');
        op('(');
        string("storage");
        global("torch", tensor.dtype().storageName());
        string(Integer.toString(key));
        string("cpu");
        integer(tensor.elements());
        op('t');
        memoize();
        op('Q');
        integer(0);
        tuple(tensor.shape());
        tuple(contiguousStrides(tensor.shape()));
        op(0x89);
        orderedDict();
        op('t');
        memoize();
        op('R');
        memoize();
    }

    private void orderedDict() {
        global("collections", "OrderedDict");
        op(')');
        op('R');
        memoize();
    }

    private void global(String module, String name) {
        List<String> path = List.of(module, name);
        if (!recall(path)) {
            op('c');
            out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
            memoize(path);
        }
    }

    private void string(String value) {
        if (!recall(value)) {
            byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
            op('X');
            writeInt(utf8.length);
            out.writeBytes(utf8);
            memoize(value);
        }
    }

    private void tuple(long[] values) {
        if (values.length == 0) {
            op(')');
            return;
        }
        if (values.length > 3) {
            op('(');
        }
        for (long value : values) {
            integer(value);
        }
        op(values.length > 3 ? 't' : 0x84 + values.length);
        memoize();
    }

    private void integer(long value) {
        if (value < 1 << 8) {
            op('K', (int) value);
        } else if (value < 1 << 16) {
            op('M', (int) value, (int) value >> 8);
        } else if (value <= Integer.MAX_VALUE) {
            op('J');
            writeInt((int) value);
        } else {
            byte[] bigEndian = BigInteger.valueOf(value).toByteArray();
            op(0x8a, bigEndian.length);
            for (int i = bigEndian.length - 1; i >= 0; i--) {
                out.write(bigEndian[i]);
            }
        }
    }

    private boolean recall(Object value) {
        Integer index = memo.get(value);
        if (index != null) {
            memoOp('h', 'j', index);
        }
        return index != null;
    }

    private void memoize(Object value) {
        memo.put(value, memoSize);
        memoize();
    }

    private void memoize() {
        memoOp('q', 'r', memoSize++);
    }

    private void memoOp(int shortOp, int longOp, int index) {
        if (index < 1 << 8) {
            op(shortOp, index);
        } else {
            op(longOp);
            writeInt(index);
        }
    }

    private void op(int... bytes) {
        for (int b : bytes) {
            out.write(b);
        }
    }

    private void writeInt(int value) {
        out.writeBytes(ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    /** libtorch's: a dimension of size 0 counts as 1. */
    private static long[] contiguousStrides(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= Math.max(shape[i], 1);
        }
        return strides;
    }
}
