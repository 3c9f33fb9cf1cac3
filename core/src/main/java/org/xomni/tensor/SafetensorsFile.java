package org.xomni.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An open safetensors file.
 *
 * <pre>
 * file   = length header data
 * length = 8 bytes, little-endian: the bytes of the header, at most 100 000 000
 * header = one JSON object in UTF-8, which spaces may follow
 *          {"__metadata__": {KEY: STRING, ...},                                      optional
 *           NAME: {"dtype": DTYPE, "shape": [SIZE, ...], "data_offsets": [FROM, TO]}, ...}
 * data   = the tensors, row-major, little-endian; FROM and TO count from its first byte
 * </pre>
 *
 * The tensors cover the data from its first byte to the file's last, without overlap and without holes; {@code TO - FROM} is the number of
 * elements times the bytes of one ({@link DType#safetensorsName()}). Names are unique.
 *
 * <p>A file is written as the reference library writes it: metadata first, tensors by descending alignment of their dtype and then by
 * name, the header padded with spaces to a multiple of 8 bytes. So a file from there, read and written again, has the same bytes.
 */
public final class SafetensorsFile implements TensorFile {
    /** What checkpoints carry whose tensors mean what PyTorch means by them; transformers loads no file without it. */
    public static final Map<String, String> PYTORCH_METADATA = Map.of("format", "pt");

    private static final String METADATA = "__metadata__";
    private static final long MAX_HEADER_BYTES = 100_000_000;

    /** The reference's order of dtypes: larger alignment first, so that every tensor is aligned when the first one is. */
    private static final List<DType> WRITING_ORDER = List.of(
            DType.INT64, DType.FLOAT64, DType.FLOAT32, DType.INT32, DType.BFLOAT16,
            DType.FLOAT16, DType.INT16, DType.INT8, DType.UINT8, DType.BOOL);

    private final MappedFile file;
    private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private SafetensorsFile(MappedFile file) {
        this.file = file;
        int headerBytes = headerBytes();
        List<Entry> entries = readHeader(file.bytes().asSlice(Long.BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE));
        entries.sort(Comparator.comparingLong(Entry::from).thenComparingLong(Entry::to));
        MemorySegment data = file.bytes().asSlice(Long.BYTES + headerBytes);
        long end = 0;
        for (Entry entry : entries) {
            if (entry.from() != end) {
                throw entry.wrong("data_offsets " + entry.offsetsText(), "the tensor before it ends at " + end);
            }
            if (entry.to() > data.byteSize()) {
                throw entry.wrong("data_offsets " + entry.offsetsText(), "the file has " + data.byteSize() + " bytes of data");
            }
            end = entry.to();
            MemorySegment bytes = data.asSlice(entry.from(), end - entry.from());
            tensors.put(entry.name(), new StoredTensor(entry.name(), entry.dtype(), entry.shape(), bytes));
        }
        if (end != data.byteSize()) {
            throw file.damaged("its tensors end at byte " + end + " of the data, expected the end of the file, " + data.byteSize());
        }
    }

    /**
     * Maps a file and checks its header; no tensor's bytes are read.
     *
     * @throws CheckpointException if the file is missing, breaks a rule of the format or has a dtype that {@link DType} lacks
     */
    public static SafetensorsFile open(Path path) {
        MappedFile file = MappedFile.open(path);
        try {
            return new SafetensorsFile(file);
        } catch (CheckpointException e) {
            file.close();
            throw e;
        }
    }

    /**
     * Writes tensors to a file, in the format's own order, never holding more than a piece of one in memory. The file appears under its
     * name when it is whole; until then one that stood there before stays, so that tensors may be views of it.
     *
     * @param metadata text to store with the tensors, {@link #PYTORCH_METADATA} for a checkpoint; when empty none is stored
     * @throws IllegalArgumentException if two tensors have the same name or one has the name {@code __metadata__}
     * @throws XOmniException if the file cannot be written
     */
    public static void write(Path path, Collection<StoredTensor> tensors, Map<String, String> metadata) {
        writeUnmade(path, tensors.stream().map(UnmadeTensor::of).toList(), metadata);
    }

    /** As {@link #write}, of tensors that are made one after the other, each when its turn comes. */
    static void writeUnmade(Path path, Collection<UnmadeTensor> tensors, Map<String, String> metadata) {
        List<UnmadeTensor> ordered = tensors.stream()
                .sorted(Comparator.comparingInt((UnmadeTensor t) -> WRITING_ORDER.indexOf(t.dtype()))
                        .thenComparing(t -> t.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned))
                .toList();
        byte[] header = Json.mapper().writeValueAsBytes(header(ordered, metadata));
        int padded = Math.ceilDiv(header.length, Long.BYTES) * Long.BYTES;
        ByteBuffer start = ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(header);
        while (start.hasRemaining()) {
            start.put((byte) ' ');
        }
        NewFile.write(path, out -> {
            out.write(start.array());
            for (UnmadeTensor tensor : ordered) {
                long before = out.position();
                tensor.content().make(bytes -> {
                    int unused = out.write(bytes);
                });
                if (out.position() - before != tensor.byteSize()) {
                    throw new IllegalArgumentException(
                            tensor.name() + " was made of " + (out.position() - before) + " bytes, not " + tensor.byteSize());
                }
            }
        });
    }

    private static ObjectNode header(List<UnmadeTensor> ordered, Map<String, String> metadata) {
        ObjectNode header = Json.mapper().createObjectNode();
        if (!metadata.isEmpty()) {
            // Sorted: maps may come in another order in each process.
            new TreeMap<>(metadata).forEach(header.putObject(METADATA)::put);
        }
        long offset = 0;
        for (UnmadeTensor tensor : ordered) {
            if (header.has(tensor.name()) || tensor.name().equals(METADATA)) {
                throw new IllegalArgumentException("the name " + Json.quoted(tensor.name()) + " is taken");
            }
            ObjectNode entry = header.putObject(tensor.name()).put("dtype", tensor.dtype().safetensorsName());
            ArrayNode shape = entry.putArray("shape");
            Arrays.stream(tensor.shape()).forEach(shape::add);
            entry.putArray("data_offsets").add(offset).add(offset += tensor.byteSize());
        }
        return header;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Map<String, StoredTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** The header's {@code __metadata__}, in its order; empty when there is none. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    @Override
    public void close() {
        file.close();
    }

    private int headerBytes() {
        long size = file.bytes().byteSize();
        if (size < Long.BYTES) {
            throw file.damaged("it has " + size + " bytes, a safetensors file has at least " + Long.BYTES);
        }
        long length = file.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        long most = Math.min(size - Long.BYTES, MAX_HEADER_BYTES);
        if (length < 0 || length > most) {
            throw file.damaged("its header length is " + Long.toUnsignedString(length) + ", expected at most " + most
                    + " in a file of " + size + " bytes");
        }
        return (int) length;
    }

    /** One entry's tree at a time, because the tree of a whole hostile header would not fit into memory. */
    private List<Entry> readHeader(byte[] json) {
        List<Entry> entries = new ArrayList<>();
        try (JsonParser parser = Json.mapper().createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw file.damaged("its header is not a JSON object");
            }
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                JsonNode value = parser.readValueAsTree();
                if (name.equals(METADATA)) {
                    readMetadata(value);
                } else {
                    entries.add(entry(name, value));
                }
            }
            if (parser.nextToken() != null) {
                throw file.damaged("its header goes on after the JSON object");
            }
        } catch (JacksonException e) {
            throw file.damaged("its header is not valid JSON (" + Json.problem(e) + ")");
        }
        return entries;
    }

    private void readMetadata(JsonNode value) {
        if (!value.isObject()) {
            throw file.damaged(METADATA + " is " + kind(value) + ", expected an object of strings");
        }
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
            if (!entry.getValue().isString()) {
                throw file.damaged(METADATA + " " + Json.quoted(entry.getKey()) + " is " + kind(entry.getValue()) + ", expected a string");
            }
            metadata.put(entry.getKey(), entry.getValue().stringValue());
        }
    }

    private Entry entry(String name, JsonNode value) {
        String tensor = "tensor " + Json.quoted(name) + " has ";
        if (!value.isObject()) {
            throw file.damaged(tensor + kind(value) + " in the header, expected an object");
        }
        JsonNode dtypeName = value.path("dtype");
        if (!dtypeName.isString()) {
            throw file.damaged(tensor + kind(dtypeName) + " as dtype, expected a string");
        }
        Optional<DType> dtype = WRITING_ORDER.stream().filter(d -> d.safetensorsName().equals(dtypeName.stringValue())).findFirst();
        if (dtype.isEmpty()) {
            throw file.fault("cannot be used: " + tensor + "dtype " + Json.quoted(dtypeName.stringValue()) + ", expected one of "
                    + WRITING_ORDER.stream().map(DType::safetensorsName).toList(), "convert it to one of these, for example BF16");
        }
        Optional<long[]> shape = sizes(value.path("shape"));
        if (shape.isEmpty()) {
            throw file.damaged(tensor + "a shape that is not a list of whole numbers from 0");
        }
        Optional<long[]> offsets = sizes(value.path("data_offsets")).filter(o -> o.length == 2 && o[0] <= o[1]);
        if (offsets.isEmpty()) {
            throw file.damaged(tensor + "data_offsets that are not two whole numbers from 0 in order");
        }
        Entry entry = new Entry(file, name, dtype.get(), shape.get(), offsets.get()[0], offsets.get()[1]);
        entry.checkSize();
        return entry;
    }

    private static Optional<long[]> sizes(JsonNode node) {
        boolean valid = node.isArray()
                && node.valueStream().allMatch(n -> n.isIntegralNumber() && n.canConvertToLong() && n.longValue() >= 0);
        return valid ? Optional.of(node.valueStream().mapToLong(JsonNode::longValue).toArray()) : Optional.empty();
    }

    /** {@code "a number"}, {@code "nothing"}: what stands where something else was expected. */
    private static String kind(JsonNode node) {
        return node.isMissingNode() ? "nothing" : "a JSON " + node.getNodeType().name().toLowerCase(Locale.ROOT);
    }

    /** One tensor's line in the header. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Entry(MappedFile file, String name, DType dtype, long[] shape, long from, long to) {

        void checkSize() {
            String expected;
            try {
                long bytes = StoredTensor.byteSize(dtype, shape);
                if (bytes == to - from) {
                    return;
                }
                expected = bytes + " bytes";
            } catch (ArithmeticException e) {
                expected = "more bytes than a file can have";
            }
            throw wrong(to - from + " bytes", dtype.safetensorsName() + " " + shapeText() + " takes " + expected);
        }

        CheckpointException wrong(String actual, String expected) {
            return file.damaged("tensor " + Json.quoted(name) + " has " + actual + ", but " + expected);
        }

        String offsetsText() {
            return "[" + from + ", " + to + "]";
        }

        private String shapeText() {
            return shape.length > 16 ? "with " + shape.length + " dimensions" : StoredTensor.shapeText(shape);
        }
    }
}
