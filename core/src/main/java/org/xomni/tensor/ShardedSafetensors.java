package org.xomni.tensor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.node.ObjectNode;

/**
 * The weights of one model in a folder, as transformers (base name {@code model}) and diffusers ({@code diffusion_pytorch_model}) lay
 * them out: either one file {@code BASE.safetensors}, which wins when both are there, or shards and an index,
 *
 * <pre>
 * BASE-00001-of-00004.safetensors ...     each a {@link SafetensorsFile}; no name is in two of them
 * BASE.safetensors.index.json             {"metadata": {"total_size": BYTES}, "weight_map": {NAME: SHARD, ...}}
 * </pre>
 *
 * where a shard is named by its file name alone and {@code total_size} counts the bytes of all tensors. The index is written as Python
 * writes it: sorted names, two spaces of indentation, a final newline.
 */
public final class ShardedSafetensors implements TensorFile {
    private static final Pattern SHARD_NAME = Pattern.compile("[^/\\\\:\\p{Cntrl}]+\\.safetensors");
    private static final ObjectWriter INDEX_WRITER = Json.mapper().writer().with(new DefaultPrettyPrinter()
            .withObjectIndenter(new DefaultIndenter("  ", "\n"))
            .withSeparators(Separators.createDefaultInstance().withObjectNameValueSpacing(Separators.Spacing.AFTER)));

    private final Path folder;
    private final List<SafetensorsFile> files = new ArrayList<>();
    private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    private final Map<String, String> shards = new LinkedHashMap<>();

    private ShardedSafetensors(Path folder) {
        this.folder = folder;
    }

    /**
     * Maps a model's weights, single or sharded.
     *
     * @param folder the model's folder
     * @param base {@code model} or {@code diffusion_pytorch_model}
     * @throws CheckpointException if there are none, a shard is missing or damaged, or shards and index contradict each other
     */
    public static ShardedSafetensors open(Path folder, String base) {
        ShardedSafetensors weights = new ShardedSafetensors(folder);
        try {
            if (Files.isRegularFile(folder.resolve(singleName(base)))) {
                weights.add(singleName(base));
            } else {
                weights.addShards(base);
            }
            return weights;
        } catch (CheckpointException e) {
            weights.close();
            throw e;
        }
    }

    /**
     * Writes a model's weights, each tensor to the shard that an opened checkpoint had it in.
     *
     * @param shards the shard's file name for every tensor's name, as {@link #shards()} gives it; all
     *     {@code BASE.safetensors} for a single file
     * @throws IllegalArgumentException if a tensor has no shard or a shard's name is not a plain {@code .safetensors} file name
     * @throws XOmniException if a file cannot be written
     */
    public static void write(Path folder, String base, Collection<StoredTensor> tensors, Map<String, String> shards) {
        Map<String, List<UnmadeTensor>> byShard = new TreeMap<>();
        for (StoredTensor tensor : tensors) {
            String shard = Optional.ofNullable(shards.get(tensor.name())).filter(s -> SHARD_NAME.matcher(s).matches()).orElseThrow(
                    () -> new IllegalArgumentException(Json.quoted(tensor.name()) + " is to go to the shard " + shards.get(tensor.name())));
            byShard.computeIfAbsent(shard, s -> new ArrayList<>()).add(UnmadeTensor.of(tensor));
        }
        write(folder, base, byShard);
    }

    /**
     * Writes a model's weights as one file, or as shards when they have more than a number of bytes; a tensor that alone has more gets a
     * shard of its own. Tensors keep the given order from shard to shard.
     *
     * @throws XOmniException if a file cannot be written
     */
    public static void write(Path folder, String base, Collection<StoredTensor> tensors, long maxShardBytes) {
        writeUnmade(folder, base, tensors.stream().map(UnmadeTensor::of).toList(), maxShardBytes);
    }

    /** As {@link #write(Path, String, Collection, long)}, of tensors that are made one after the other, each when its turn comes. */
    public static void writeUnmade(Path folder, String base, Collection<UnmadeTensor> tensors, long maxShardBytes) {
        List<List<UnmadeTensor>> split = split(tensors, maxShardBytes);
        Map<String, List<UnmadeTensor>> byShard = new TreeMap<>();
        for (int i = 0; i < split.size(); i++) {
            String name = split.size() == 1 ? singleName(base) : String.format("%s-%05d-of-%05d.safetensors", base, i + 1, split.size());
            byShard.put(name, split.get(i));
        }
        write(folder, base, byShard);
    }

    @Override
    public Path path() {
        return folder;
    }

    @Override
    public Map<String, StoredTensor> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** For every tensor's name the file name of the shard that holds it. */
    public Map<String, String> shards() {
        return Collections.unmodifiableMap(shards);
    }

    @Override
    public void close() {
        files.forEach(SafetensorsFile::close);
    }

    private void addShards(String base) {
        Path index = folder.resolve(indexName(base));
        if (!Files.isRegularFile(index)) {
            throw noWeights(base);
        }
        Map<String, String> weightMap = readIndex(index);
        for (String shard : new TreeSet<>(weightMap.values())) {
            if (!Files.isRegularFile(folder.resolve(shard))) {
                throw new CheckpointException(folder.resolve(shard) + " is missing, but " + indexName(base)
                        + " names it; download the missing shard");
            }
            add(shard);
        }
        weightMap.forEach((name, shard) -> {
            String actual = shards.get(name);
            if (!shard.equals(actual)) {
                throw new CheckpointException(index + " puts tensor " + Json.quoted(name) + " into " + shard + ", but "
                        + (actual == null ? "no shard has it" : actual + " has it")
                        + "; download the index and its shards from one revision");
            }
        });
    }

    private void add(String shard) {
        SafetensorsFile file = SafetensorsFile.open(folder.resolve(shard));
        files.add(file);
        for (StoredTensor tensor : file.tensors().values()) {
            String other = shards.putIfAbsent(tensor.name(), shard);
            if (other != null) {
                throw new CheckpointException(folder + ": tensor " + Json.quoted(tensor.name()) + " is in " + other + " and in " + shard
                        + ", expected in one shard; download all shards from one revision");
            }
            tensors.put(tensor.name(), tensor);
        }
    }

    private static Map<String, String> readIndex(Path index) {
        JsonNode weightMap = Json.readObject(index).path("weight_map");
        if (!weightMap.isObject() || weightMap.isEmpty()) {
            throw new CheckpointException(index + " has no weight_map of tensor names to shards; download it again");
        }
        Map<String, String> shards = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
            String shard = entry.getValue().stringValue("");
            if (!SHARD_NAME.matcher(shard).matches()) {
                throw new CheckpointException(index + " puts tensor " + Json.quoted(entry.getKey()) + " into "
                        + Json.quoted(entry.getValue().toString())
                        + ", expected the plain name of a .safetensors file beside the index; download it again");
            }
            shards.put(entry.getKey(), shard);
        }
        return shards;
    }

    private CheckpointException noWeights(String base) {
        Set<String> stray = weightFiles(folder, base);
        String found = stray.isEmpty() ? "" : ", only " + stray.size() + " shards without their index (" + stray.iterator().next() + ")";
        return new CheckpointException(folder + " has neither " + singleName(base) + " nor " + indexName(base) + found
                + "; give a complete checkpoint folder");
    }

    private static List<List<UnmadeTensor>> split(Collection<UnmadeTensor> tensors, long maxShardBytes) {
        List<List<UnmadeTensor>> split = new ArrayList<>();
        List<UnmadeTensor> shard = new ArrayList<>();
        long bytes = 0;
        for (UnmadeTensor tensor : tensors) {
            if (bytes + tensor.byteSize() > maxShardBytes && !shard.isEmpty()) {
                split.add(shard);
                shard = new ArrayList<>();
                bytes = 0;
            }
            shard.add(tensor);
            bytes += tensor.byteSize();
        }
        split.add(shard);
        return split;
    }

    private static void write(Path folder, String base, Map<String, List<UnmadeTensor>> byShard) {
        boolean single = byShard.keySet().equals(Set.of(singleName(base)));
        if (!single && byShard.containsKey(singleName(base))) {
            throw new IllegalArgumentException(singleName(base) + " is the name of a single file, not of one shard among others");
        }
        byte[] index = (INDEX_WRITER.writeValueAsString(index(byShard)) + "\n").getBytes(StandardCharsets.UTF_8);
        byShard.forEach((shard, tensors) -> SafetensorsFile.writeUnmade(folder.resolve(shard), tensors, SafetensorsFile.PYTORCH_METADATA));
        if (!single) {
            NewFile.write(folder.resolve(indexName(base)), out -> out.write(index));
        }
        removeFormerWeights(folder, base, byShard.keySet(), single);
    }

    private static ObjectNode index(Map<String, List<UnmadeTensor>> byShard) {
        Map<String, String> sorted = new TreeMap<>();
        long bytes = 0;
        for (Map.Entry<String, List<UnmadeTensor>> shard : byShard.entrySet()) {
            for (UnmadeTensor tensor : shard.getValue()) {
                if (sorted.put(tensor.name(), shard.getKey()) != null) {
                    throw new IllegalArgumentException("two tensors have the name " + Json.quoted(tensor.name()));
                }
                bytes += tensor.byteSize();
            }
        }
        ObjectNode index = Json.mapper().createObjectNode();
        index.putObject("metadata").put("total_size", bytes);
        sorted.forEach(index.putObject("weight_map")::put);
        return index;
    }

    /** A single file left from a former save would hide the new shards; former shards would only fill the disk. */
    private static void removeFormerWeights(Path folder, String base, Set<String> written, boolean single) {
        try {
            if (single) {
                Files.deleteIfExists(folder.resolve(indexName(base)));
            }
            for (String name : weightFiles(folder, base)) {
                if (!written.contains(name)) {
                    Files.delete(folder.resolve(name));
                }
            }
        } catch (IOException e) {
            throw new XOmniException(folder + " keeps weights of a former save (" + e + "); delete them", e);
        }
    }

    private static Set<String> weightFiles(Path folder, String base) {
        Pattern pattern = Pattern.compile(Pattern.quote(base) + "(-\\d{5}-of-\\d{5})?\\.safetensors");
        if (!Files.isDirectory(folder)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            TreeSet<String> names = new TreeSet<>();
            files.map(f -> f.getFileName().toString()).filter(pattern.asMatchPredicate()).forEach(names::add);
            return names;
        } catch (IOException e) {
            throw new XOmniException(folder + " cannot be listed (" + e + "); check its permissions", e);
        }
    }

    private static String singleName(String base) {
        return base + ".safetensors";
    }

    private static String indexName(String base) {
        return base + ".safetensors.index.json";
    }
}
