package org.xomni.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import org.xomni.tensor.XOmniException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A folder of shards that is written in pieces: {@code about.json} says what it holds, each shard appears when it is whole, and writing it
 * again goes on with the shards that are missing.
 *
 * @param samples indices 0 .. samples-1 of a source; broken ones are left out
 * @param samplesPerShard how many of them one shard stands for
 * @param about what else decides the contents, such as seed and tokenizer
 */
record ShardedFolder(Path folder, Kind kind, long samples, int samplesPerShard, Map<String, String> about) {
    private static final int FORMAT = 1;

    private static final Pattern LEFTOVER = Pattern.compile("\\d{6}\\.[a-z]+\\.[0-9a-f-]{36}\\.tmp");

    /** What a folder holds. */
    enum Kind {
        TOKENS("jsonl"),
        PICTURES("tar");

        private final String suffix;

        Kind(String suffix) {
            this.suffix = suffix;
        }
    }

    /** Writes one shard. */
    @FunctionalInterface
    interface ShardWriter {
        void write(NewFile out, long from, long to) throws IOException;
    }

    /** @throws InputException if a number is out of range */
    ShardedFolder {
        if (samples < 1 || samplesPerShard < 1 || (samples - 1) / samplesPerShard >= 1_000_000) {
            throw new InputException(samples + " samples cannot be written as shards of " + samplesPerShard
                    + "; use at least 1 of each and at most a million shards");
        }
        about = Map.copyOf(about);
    }

    /**
     * What a folder holds, all its shards being there.
     *
     * @throws InputException if it is of another kind or a shard is missing
     */
    static ShardedFolder open(Path folder, Kind kind) {
        Path file = folder.resolve("about.json");
        if (!Files.isRegularFile(file)) {
            throw new InputException(folder + " has no about.json; name a folder that xomni data wrote");
        }
        JsonNode json = Json.readObject(file);
        if (json.path("format").asInt(0) != FORMAT || !json.path("kind").asString("").equals(kind.name().toLowerCase(Locale.ROOT))) {
            throw new InputException(folder + " holds " + json.path("kind") + " in format " + json.path("format") + ", expected "
                    + kind.name().toLowerCase(Locale.ROOT) + " in format " + FORMAT + "; write it anew with xomni data");
        }
        long samples = json.path("samples").asLong(0);
        Map<String, String> about = new HashMap<>();
        json.path("about").properties().forEach(entry -> about.put(entry.getKey(), entry.getValue().asString("")));
        ShardedFolder opened = new ShardedFolder(folder, kind, samples, json.path("samples_per_shard").asInt(0), about);
        for (Path shard : opened.shards()) {
            if (!Files.isRegularFile(shard)) {
                throw new InputException(shard + " is missing; run the same xomni data command again to finish it");
            }
        }
        return opened;
    }

    /** All shards in order. */
    List<Path> shards() {
        List<Path> shards = new ArrayList<>();
        for (long i = 0; i * samplesPerShard < samples; i++) {
            shards.add(folder.resolve(String.format(Locale.ROOT, "%06d.%s", i, kind.suffix)));
        }
        return shards;
    }

    /**
     * Writes the shards that are missing.
     *
     * @param done hears how many of the samples are written
     * @throws InputException if the folder was begun with other settings
     */
    void write(ShardWriter writer, LongConsumer done) {
        describe();
        deleteLeftovers();
        List<Path> shards = shards();
        for (int i = 0; i < shards.size(); i++) {
            long from = (long) i * samplesPerShard;
            long to = Math.min(samples, from + samplesPerShard);
            if (!Files.isRegularFile(shards.get(i))) {
                NewFile.write(shards.get(i), out -> writer.write(out, from, to));
            }
            done.accept(to);
        }
    }

    /** What a process that was killed had begun to write. */
    private void deleteLeftovers() {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(f -> LEFTOVER.matcher(f.getFileName().toString()).matches()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new XOmniException(folder + " cannot be tidied up (" + e + "); check its permissions", e);
        }
    }

    private void describe() {
        ObjectNode json = Json.mapper().createObjectNode();
        json.put("format", FORMAT).put("kind", kind.name().toLowerCase(Locale.ROOT));
        json.put("samples", samples).put("samples_per_shard", samplesPerShard);
        ObjectNode more = json.putObject("about");
        about.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(e -> more.put(e.getKey(), e.getValue()));
        Path file = folder.resolve("about.json");
        if (Files.exists(file)) {
            JsonNode there = Json.readObject(file);
            // As text: numbers that were read may have another width than those that were put.
            if (!there.toString().equals(json.toString())) {
                throw new InputException(folder + " was begun with other settings, " + there + ", not " + json
                        + "; choose another folder or delete this one");
            }
        } else {
            NewFile.write(file, json.toString() + "\n");
        }
    }
}
