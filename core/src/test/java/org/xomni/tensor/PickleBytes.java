package org.xomni.tensor;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A pickle put together opcode by opcode, as Python and torch would write it or would never write it. */
final class PickleBytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    PickleBytes() {
        op(0x80).op(2);
    }

    PickleBytes op(int... bytes) {
        Arrays.stream(bytes).forEach(out::write);
        return this;
    }

    PickleBytes int32(int value) {
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
        return this;
    }

    PickleBytes integer(long value) {
        op(0x8a, 8);
        out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
        return this;
    }

    PickleBytes string(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        op('X').int32(utf8.length);
        out.writeBytes(utf8);
        return this;
    }

    PickleBytes global(String module, String name) {
        op('c');
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
        return this;
    }

    PickleBytes longs(long... values) {
        op('(');
        Arrays.stream(values).forEach(this::integer);
        return op('t');
    }

    /** A tensor over the storage {@code data/0}. */
    PickleBytes tensor(String storageClass, long storageElements, long offset, long[] shape, long[] strides) {
        global("torch._utils", "_rebuild_tensor_v2").op('(');
        op('(').string("storage").global("torch", storageClass).string("0").string("cpu").integer(storageElements).op('t', 'Q');
        return integer(offset).longs(shape).longs(strides).op(0x89).global("collections", "OrderedDict").op(')', 'R', 't', 'R');
    }

    /** Two bytes side by side, over a storage of two bytes. */
    PickleBytes smallTensor() {
        return tensor("ByteStorage", 2, 0, new long[] {2}, new long[] {1});
    }

    /** Ends the pickle. */
    byte[] stop() {
        op('.');
        return out.toByteArray();
    }
}
