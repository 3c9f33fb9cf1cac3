package org.xomni.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * An open archive of {@code torch.save} that holds a state dict.
 *
 * <pre>
 * PREFIX/data.pkl     a pickle of the state dict: names to tensors; a tensor is a storage key, an offset, a shape and strides
 * PREFIX/byteorder    "little"; archives without it are little-endian as well
 * PREFIX/data/KEY     the storage: elements of one dtype ({@link DType#storageName()})
 * PREFIX/version      "3"
 * </pre>
 *
 * in a zip archive of stored records; PREFIX is the first part of the first record's name. Tensors lie at the top of the pickle or in a
 * dict one level below ({@code state_dict}, {@code model}, or the only one that has tensors); other values are ignored. A tensor whose
 * strides are not row-major is copied, all others are slices of the mapped file.
 *
 * <p>The pickle is read by a machine that knows tensors and containers only ({@link Unpickler}): no code runs, no class is loaded.
 *
 * <p>An archive is written with the bytes that {@code torch.save} of PyTorch 2.6 writes for an {@code OrderedDict} of tensors, except that
 * the last record, {@code .data/serialization_id}, is left out, which no reader needs. {@code torch.load(weights_only=True)} reads it.
 */
public final class TorchArchive implements TensorFile {
    private static final String SAVE_AGAIN = "load it in PyTorch and torch.save its state dict again";

    private final MappedFile file;
    private final Map<String, MemorySegment> records;
    private final String prefix;
    private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    private long copiedBytes;

    private TorchArchive(MappedFile file) {
        this.file = file;
        checkStart();
        records = ZipReader.records(file);
        String first = records.keySet().stream().findFirst().orElse("");
        prefix = first.substring(0, first.indexOf('/') + 1);
        MemorySegment byteOrder = records.get(prefix + "byteorder");
        if (byteOrder != null && !text(byteOrder).equals("little")) {
            throw file.fault("has byte order " + Json.quoted(text(byteOrder)) + ", expected little", "save it on a little-endian machine");
        }
        MemorySegment pickle = records.get(prefix + "data.pkl");
        if (pickle == null) {
            throw file.fault("has no record " + Json.quoted(prefix + "data.pkl") + ", so torch.save did not write it", SAVE_AGAIN);
        }
        stateDict(Unpickler.load(file, small(pickle))).forEach((name, value) -> {
            if (value instanceof Unpickler.Tensor tensor) {
                tensors.put(name.toString(), stored(name.toString(), tensor));
            }
        });
    }

    /**
     * Maps an archive and reads its pickle.
     *
     * @throws CheckpointException if the file is missing, damaged, of another format (the one before PyTorch 1.6 included), holds no state
     *     dict, or asks for code to run
     */
    public static TorchArchive open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            return new TorchArchive(file);
        } catch (CheckpointException e) {
            file.close();
            throw e;
        }
    }

    /**
     * Writes tensors as a state dict, in the given order, never holding more than a piece of one in memory. The file appears under its name
     * when it is whole; until then one that stood there before stays, so that tensors may be views of it.
     *
     * @throws IllegalArgumentException if two tensors have the same name
     * @throws XOmniException if the file cannot be written
     */
    public static void write(Path path, Collection<StoredTensor> tensors) {
        List<StoredTensor> ordered = List.copyOf(tensors);
        Set<String> names = new HashSet<>();
        // The order of torch.save, which sorts the keys as text: 0, 1, 10, 11, 2.
        Map<String, StoredTensor> byKey = new TreeMap<>();
        for (StoredTensor tensor : ordered) {
            if (!names.add(tensor.name())) {
                throw new IllegalArgumentException("two tensors have the name " + Json.quoted(tensor.name()));
            }
            byKey.put(Integer.toString(byKey.size()), tensor);
        }
        String prefix = String.valueOf(path.getFileName()).replaceFirst("(?<!^)\\.[^.]*$", "") + "/";
        NewFile.write(path, out -> {
            ZipWriter zip = new ZipWriter(out);
            zip.add(prefix + "data.pkl", MemorySegment.ofArray(StateDictPickler.pickle(ordered)));
            zip.add(prefix + "byteorder", ascii("little"));
            for (Map.Entry<String, StoredTensor> storage : byKey.entrySet()) {
                zip.add(prefix + "data/" + storage.getKey(), storage.getValue().bytes());
            }
            zip.add(prefix + "version", ascii("3\n"));
            zip.finish();
        });
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Map<String, StoredTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    @Override
    public void close() {
        file.close();
    }

    private void checkStart() {
        MemorySegment bytes = file.bytes();
        if (startsWith(bytes, 0, "PK")) {
            return;
        }
        boolean pickle = bytes.byteSize() > 0 && bytes.get(ValueLayout.JAVA_BYTE, 0) == (byte) 0x80;
        if (pickle || startsWith(bytes, 257, "ustar")) {
            throw file.fault("is in a format from before PyTorch 1.6, expected a zip archive", SAVE_AGAIN);
        }
        throw file.damaged("it does not start as a zip archive of torch.save does");
    }

    private static boolean startsWith(MemorySegment bytes, long at, String text) {
        return bytes.byteSize() >= at + text.length() && bytes.asSlice(at, text.length()).mismatch(ascii(text)) < 0;
    }

    private Map<?, ?> stateDict(Object root) {
        if (!(root instanceof Map<?, ?> top)) {
            throw file.fault("does not hold a dict", "save a state dict: torch.save(model.state_dict(), file)");
        }
        long own = tensors(top);
        Map<Object, Map<?, ?>> nested = new LinkedHashMap<>();
        // A dict may stand under a million names: it is looked through once.
        Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        top.forEach((key, value) -> {
            if (value instanceof Map<?, ?> map && seen.add(map) && tensors(map) > own) {
                nested.put(key, map);
            }
        });
        for (String usual : List.of("state_dict", "model")) {
            Map<?, ?> map = nested.get(usual);
            if (map != null) {
                return map;
            }
        }
        if (own > 0 && nested.size() != 1) {
            return top;
        }
        if (nested.size() != 1) {
            String found = nested.isEmpty() ? "no tensors" : nested.size() + " dicts of tensors";
            throw file.fault("holds " + found + ", expected one state dict", "save a state dict: torch.save(model.state_dict(), file)");
        }
        return nested.values().iterator().next();
    }

    private static long tensors(Map<?, ?> map) {
        return map.values().stream().filter(Unpickler.Tensor.class::isInstance).count();
    }

    private StoredTensor stored(String name, Unpickler.Tensor tensor) {
        Unpickler.Storage storage = tensor.storage();
        MemorySegment record = records.get(prefix + "data/" + storage.key());
        String subject = "tensor " + Json.quoted(name) + " ";
        if (record == null) {
            throw file.damaged(subject + "is in the record " + Json.quoted("data/" + storage.key()) + ", which is missing");
        }
        try {
            if (Math.multiplyExact(storage.elements(), storage.dtype().bytes()) != record.byteSize()) {
                throw file.damaged(subject + "has a storage of " + storage.elements() + " " + storage.dtype()
                        + ", but its record has " + record.byteSize() + " bytes");
            }
            StridedView view = tensor.view();
            if (!view.isWithin(record.byteSize())) {
                throw file.damaged(subject + "reaches beyond its storage of " + storage.elements() + " elements");
            }
            return new StoredTensor(name, view.dtype(), view.shape(), view.isRowMajor() ? view.slice(record) : copy(subject, view, record));
        } catch (ArithmeticException e) {
            throw file.damaged(subject + "has more elements than a file can have");
        }
    }

    /** Strides of 0 make a large tensor out of a small file; no honest archive needs copies larger than itself. */
    private MemorySegment copy(String subject, StridedView view, MemorySegment record) {
        copiedBytes = Math.addExact(copiedBytes, view.byteSize());
        if (copiedBytes > file.bytes().byteSize()) {
            throw file.fault("expands: with " + subject + "copies take " + copiedBytes + " bytes, expected at most the file's "
                    + file.bytes().byteSize(), "call .contiguous() on the tensors before torch.save");
        }
        MemorySegment copy = file.arena().allocate(view.byteSize(), Long.BYTES);
        view.copyTo(record, copy);
        return copy;
    }

    private String text(MemorySegment record) {
        return new String(small(record), StandardCharsets.UTF_8);
    }

    private byte[] small(MemorySegment record) {
        if (record.byteSize() > Integer.MAX_VALUE / 2) {
            throw file.damaged("a record other than tensor data has " + record.byteSize() + " bytes");
        }
        return record.toArray(ValueLayout.JAVA_BYTE);
    }

    private static MemorySegment ascii(String text) {
        return MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII));
    }
}
