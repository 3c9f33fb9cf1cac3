package org.xomni.tensor;

import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A pickle machine that can make tensors' descriptions, containers, strings and numbers, and nothing else. It knows the opcodes of
 * protocols 2 to 5 that state dicts consist of and four names it may "call" ({@link Function}); every other name or opcode is refused. No
 * class is loaded, no code runs, nothing recurses, and the number of steps is limited.
 *
 * <p>What it makes: {@code Map<Object, Object>} for a dict, {@link Tuple}, {@code List<Object>}, {@link String}, {@link Long},
 * {@link Boolean}, {@link Tensor}, {@link Storage}, and {@link Opaque} for values that no tensor needs.
 */
final class Unpickler {
    private static final int MAX_BYTES = 64 << 20;
    private static final int MAX_STEPS = 4 << 20;
    private static final int MAX_DIMENSIONS = 64; // libtorch's own limit

    private final MappedFile file;
    private final ByteBuffer pickle;
    private final List<Object> stack = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final Map<Integer, Object> memo = new HashMap<>();

    /** A storage that lies in the archive's record {@code data/KEY}. */
    record Storage(DType dtype, String key, long elements) {}

    /** A tensor that views a storage. Nothing here is checked against the storage. */
    record Tensor(Storage storage, StridedView view) {}

    /** An immutable sequence. */
    record Tuple(List<Object> items) {}

    /** Values that no tensor needs. */
    enum Opaque {
        NONE,
        NUMBER,
        BYTES,
        /** A {@code torch.Size}, {@code torch.device} or dtype. */
        DESCRIPTION
    }

    /** What a pickle may call. */
    private enum Function {
        ORDERED_DICT,
        REBUILD_TENSOR,
        REBUILD_PARAMETER,
        DESCRIBE
    }

    /** A storage class, which names a dtype. */
    private record StorageClass(DType dtype) {}

    private Unpickler(MappedFile file, byte[] pickle) {
        this.file = file;
        this.pickle = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Runs a pickle.
     *
     * @param file the archive, for messages
     * @throws CheckpointException if it is damaged, too large, or asks for something that is not allowed
     */
    static Object load(MappedFile file, byte[] pickle) {
        if (pickle.length > MAX_BYTES) {
            throw file.fault("has a pickle of " + pickle.length + " bytes, expected at most " + MAX_BYTES,
                    "save a plain state dict of tensors");
        }
        Unpickler unpickler = new Unpickler(file, pickle);
        try {
            return unpickler.run();
        } catch (BufferUnderflowException e) {
            throw file.damaged("its pickle ends in the middle of a value");
        }
    }

    private Object run() {
        for (int step = 0; step < MAX_STEPS; step++) {
            int op = u8();
            if (op == '.') {
                return pop();
            }
            execute(op);
        }
        throw file.fault("has a pickle of more than " + MAX_STEPS + " steps", "save a plain state dict of tensors");
    }

    private void execute(int op) {
        switch (op) {
            case 0x80 -> protocol(u8());
            case 0x95 -> pickle.getLong(); // FRAME
            case '(' -> marks.add(stack.size());
            case '0' -> pop();
            case '1' -> popMark();
            case '2' -> stack.add(top());
            case 'N' -> stack.add(Opaque.NONE);
            case 0x88 -> stack.add(true);
            case 0x89 -> stack.add(false);
            case 'K' -> stack.add((long) u8());
            case 'M' -> stack.add((long) Short.toUnsignedInt(pickle.getShort()));
            case 'J' -> stack.add((long) pickle.getInt());
            case 0x8a -> stack.add(integer(bytes(u8())));
            case 'G' -> {
                pickle.getLong();
                stack.add(Opaque.NUMBER);
            }
            case 'X' -> stack.add(string(u32()));
            case 0x8c -> stack.add(string(u8()));
            case 0x8d -> stack.add(string(pickle.getLong()));
            case 'C' -> opaqueBytes(u8());
            case 'B' -> opaqueBytes(u32());
            case 0x8e -> opaqueBytes(pickle.getLong());
            case ')' -> stack.add(new Tuple(List.of()));
            case 't' -> stack.add(new Tuple(popMark()));
            case 0x85, 0x86, 0x87 -> stack.add(new Tuple(pop(op - 0x84)));
            case ']' -> stack.add(new ArrayList<>());
            case 'a' -> append(pop(1));
            case 'e' -> append(popMark());
            case '}' -> stack.add(new LinkedHashMap<>());
            case 's' -> setItems(pop(2));
            case 'u' -> setItems(popMark());
            case 'q' -> memo.put(u8(), top());
            case 'r' -> memo.put(pickle.getInt(), top());
            case 0x94 -> memo.put(memo.size(), top());
            case 'h' -> stack.add(recall(u8()));
            case 'j' -> stack.add(recall(pickle.getInt()));
            case 'c' -> stack.add(global(line(), line()));
            case 0x93 -> {
                List<Object> names = pop(2);
                stack.add(global(cast(String.class, names.get(0)), cast(String.class, names.get(1))));
            }
            case 'R' -> {
                List<Object> call = pop(2);
                stack.add(call(cast(Function.class, call.get(0)), cast(Tuple.class, call.get(1)).items()));
            }
            case 'Q' -> stack.add(storage(cast(Tuple.class, pop()).items()));
            case 'b' -> build();
            default -> throw refused(String.format("the pickle operation 0x%02x", op));
        }
    }

    private void protocol(int version) {
        if (version < 2 || version > 5) {
            throw file.damaged("its pickle protocol is " + version + ", expected 2 to 5");
        }
    }

    /** The only names that mean anything here; whatever else a pickle names, it wants to run. */
    private Object global(String module, String name) {
        return switch (module + "." + name) {
            case "collections.OrderedDict" -> Function.ORDERED_DICT;
            case "torch._utils._rebuild_tensor_v2" -> Function.REBUILD_TENSOR;
            case "torch._utils._rebuild_parameter" -> Function.REBUILD_PARAMETER;
            case "torch.Size", "torch.device" -> Function.DESCRIBE;
            case "torch.float32", "torch.float64", "torch.float16", "torch.bfloat16", "torch.int64", "torch.int32", "torch.bool" -> Opaque.DESCRIPTION;
            default -> new StorageClass(Arrays.stream(DType.values())
                    .filter(dtype -> module.equals("torch") && name.equals(dtype.storageName()))
                    .findFirst()
                    .orElseThrow(() -> refused(Json.quoted(module + "." + name))));
        };
    }

    private Object call(Function function, List<Object> arguments) {
        return switch (function) {
            case ORDERED_DICT -> {
                expect(arguments.isEmpty(), "an empty OrderedDict");
                yield new LinkedHashMap<>();
            }
            case REBUILD_TENSOR -> {
                expect(arguments.size() >= 6, "a tensor's storage, offset, shape and strides");
                Storage storage = cast(Storage.class, arguments.get(0));
                long offset = cast(Long.class, arguments.get(1));
                yield new Tensor(storage, new StridedView(storage.dtype(), offset, longs(arguments.get(2)), longs(arguments.get(3))));
            }
            case REBUILD_PARAMETER -> {
                expect(arguments.size() == 3, "a parameter's tensor");
                yield cast(Tensor.class, arguments.get(0));
            }
            case DESCRIBE -> Opaque.DESCRIPTION;
        };
    }

    private Storage storage(List<Object> id) {
        expect(id.size() == 5 && id.get(0).equals("storage"), "the five parts of a storage");
        return new Storage(cast(StorageClass.class, id.get(1)).dtype(), cast(String.class, id.get(2)), cast(Long.class, id.get(4)));
    }

    /** Attributes, such as a state dict's {@code _metadata}, are dropped. */
    private void build() {
        pop();
        cast(Map.class, top());
    }

    private void append(List<Object> items) {
        @SuppressWarnings("unchecked") // the machine makes no other lists
        List<Object> list = (List<Object>) cast(List.class, top());
        list.addAll(items);
    }

    private void setItems(List<Object> keysAndValues) {
        @SuppressWarnings("unchecked") // the machine makes no other maps
        Map<Object, Object> map = (Map<Object, Object>) cast(Map.class, top());
        expect(keysAndValues.size() % 2 == 0, "a value for every key");
        for (int i = 0; i < keysAndValues.size(); i += 2) {
            Object key = keysAndValues.get(i);
            // Containers as keys could hold themselves, and their hash would never end.
            expect(key instanceof String || key instanceof Long, "keys that are strings or integers");
            map.put(key, keysAndValues.get(i + 1));
        }
    }

    private Object recall(int index) {
        Object value = memo.get(index);
        if (value == null) {
            throw malformed("a value that was stored under " + index);
        }
        return value;
    }

    private List<Object> popMark() {
        expect(!marks.isEmpty(), "a mark");
        return pop(stack.size() - marks.removeLast());
    }

    private List<Object> pop(int count) {
        expect(stack.size() - floor() >= count, count + " values");
        List<Object> top = stack.subList(stack.size() - count, stack.size());
        List<Object> popped = Collections.unmodifiableList(new ArrayList<>(top));
        top.clear();
        return popped;
    }

    private Object pop() {
        return pop(1).getFirst();
    }

    private Object top() {
        expect(stack.size() > floor(), "a value");
        return stack.getLast();
    }

    /** What stands below the last mark is out of reach until the mark is taken. */
    private int floor() {
        return marks.isEmpty() ? 0 : marks.getLast();
    }

    private long[] longs(Object tuple) {
        List<Object> items = cast(Tuple.class, tuple).items();
        expect(items.size() <= MAX_DIMENSIONS, "at most " + MAX_DIMENSIONS + " dimensions");
        return items.stream().mapToLong(item -> cast(Long.class, item)).toArray();
    }

    private <T> T cast(Class<T> type, Object value) {
        expect(type.isInstance(value), "a " + type.getSimpleName());
        return type.cast(value);
    }

    private int u8() {
        return Byte.toUnsignedInt(pickle.get());
    }

    private long u32() {
        return Integer.toUnsignedLong(pickle.getInt());
    }

    private byte[] bytes(long length) {
        if (length < 0 || length > pickle.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] bytes = new byte[(int) length];
        pickle.get(bytes);
        return bytes;
    }

    private void opaqueBytes(long length) {
        bytes(length);
        stack.add(Opaque.BYTES);
    }

    private String string(long length) {
        return new String(bytes(length), StandardCharsets.UTF_8);
    }

    private String line() {
        int start = pickle.position();
        while (u8() != '\n') {
            // on to the end of the line
        }
        return new String(pickle.array(), start, pickle.position() - 1 - start, StandardCharsets.UTF_8);
    }

    private static Object integer(byte[] littleEndian) {
        if (littleEndian.length > Long.BYTES) {
            return Opaque.NUMBER;
        }
        for (int i = 0, j = littleEndian.length - 1; i < j; i++, j--) {
            byte swapped = littleEndian[i];
            littleEndian[i] = littleEndian[j];
            littleEndian[j] = swapped;
        }
        return littleEndian.length == 0 ? 0L : (Object) new BigInteger(littleEndian).longValueExact();
    }

    private void expect(boolean condition, String what) {
        if (!condition) {
            throw malformed(what);
        }
    }

    private CheckpointException malformed(String expected) {
        return file.damaged("its pickle lacks " + expected + " before byte " + pickle.position());
    }

    private CheckpointException refused(String what) {
        return file.fault("asks for " + what + ", and xomni refuses to run code from a checkpoint",
                "save a state dict of float or integer tensors only: torch.save(model.state_dict(), file)");
    }
}
