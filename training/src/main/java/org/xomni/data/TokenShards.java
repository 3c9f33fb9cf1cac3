package org.xomni.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.InputException;
import tools.jackson.databind.JsonNode;

/**
 * A tokenised cache, as {@link TokenShardsWriter} writes it: a folder of {@code .jsonl} shards, one sample a line, whose pictures are
 * {@code {"height": h, "width": w, "tokens": [...]}}, and {@code about.json}. Training reads it over and over without the image tokenizer.
 */
public final class TokenShards implements Records {
    private final List<JsonFile> shards = new ArrayList<>();
    /** Number of the first record of each shard, and the number of all. */
    private final long[] starts;

    /** @throws InputException if the folder is no tokenised cache, or it is not finished */
    public TokenShards(Path folder) {
        List<Path> paths = ShardedFolder.open(folder, ShardedFolder.Kind.TOKENS).shards();
        starts = new long[paths.size() + 1];
        try {
            for (int i = 0; i < paths.size(); i++) {
                JsonFile shard = JsonFile.open(paths.get(i));
                shards.add(shard);
                starts[i + 1] = starts[i] + shard.size();
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * The fingerprint of the image tokenizer whose tokens a cache holds, see {@link TokenizerFingerprint}; empty where whoever wrote it did not say.
     *
     * @throws InputException if the folder is no tokenised cache
     */
    public static String tokenizer(Path folder) {
        return ShardedFolder.open(folder, ShardedFolder.Kind.TOKENS).about().getOrDefault("tokenizer", "");
    }

    @Override
    public long size() {
        return starts[starts.length - 1];
    }

    @Override
    public Sample record(long number) throws BrokenSample {
        int found = Arrays.binarySearch(starts, number);
        int shard = found < 0 ? -found - 2 : found;
        // A shard may be empty: the last that starts here holds the record.
        while (starts[shard + 1] == number) {
            shard++;
        }
        JsonFile file = shards.get(shard);
        int line = (int) (number - starts[shard]);
        String name = file.name(line);
        return SampleJson.read(file.read(line), name, reference -> new Picture.Tokenised(tokens(reference, name)));
    }

    private static ImageTokens tokens(JsonNode json, String name) throws BrokenSample {
        JsonNode list = json.path("tokens");
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = list.path(i).asInt(-1);
        }
        try {
            return new ImageTokens(json.path("height").asInt(0), json.path("width").asInt(0), ids);
        } catch (InputException e) {
            throw new BrokenSample(name + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        shards.forEach(JsonFile::close);
    }
}
