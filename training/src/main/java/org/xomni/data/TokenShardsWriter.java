package org.xomni.data;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.xomni.data.SampleStream.Indexed;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.ImageTransform;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Tokenises the pictures of samples and keeps them as {@link TokenShards}. Pictures of one size go through the tokenizer together. */
public final class TokenShardsWriter {
    /** Samples are tokenised in groups of this many pixels, so that pictures of one size meet and memory stays bounded. */
    private static final long PIXELS_TOGETHER = 8L << 20;

    private static final int SAMPLES_TOGETHER = 256;

    private final ImageTokenizer tokenizer;
    private final int batch;
    private final int threads;

    /**
     * @param batch the most pictures in one pass of the tokenizer
     * @param threads that make samples ahead
     * @throws InputException if the batch is empty
     */
    public TokenShardsWriter(ImageTokenizer tokenizer, int batch, int threads) {
        if (batch < 1) {
            throw new InputException("pictures cannot be tokenised " + batch + " at a time; use at least 1");
        }
        this.tokenizer = tokenizer;
        this.batch = batch;
        this.threads = threads;
    }

    /**
     * Tokenises samples 0 .. samples-1 of a source; shards that are there already stay. Samples that are broken, or whose pictures the
     * tokenizer's transform refuses, are counted, named in the log and left out.
     *
     * @param about what decides the tokens, such as seed and checkpoint: a folder is only continued with the same
     * @param done hears how many samples are written
     * @return how many were left out of the shards that were not there already
     * @throws InputException if the folder was begun with other settings
     */
    public long write(Path folder, SampleSource source, long samples, int samplesPerShard, Map<String, String> about, LongConsumer done) {
        long[] skipped = {0};
        new ShardedFolder(folder, ShardedFolder.Kind.TOKENS, samples, samplesPerShard, about)
                .write((out, from, to) -> skipped[0] += writeShard(out, source, from, to), done);
        return skipped[0];
    }

    /** Returns how many samples were left out. */
    private long writeShard(NewFile out, SampleSource source, long from, long to) throws IOException {
        SampleStream.Maker<Optional<Sample>> maker = i -> i < to ? Optional.of(accepted(source.sample(i))) : Optional.empty();
        try (SampleStream<Optional<Sample>> stream = new SampleStream<>(maker, from, threads)) {
            List<Sample> group = new ArrayList<>();
            long pixels = 0;
            for (Indexed<Optional<Sample>> next = stream.next(); next.value().isPresent(); next = stream.next()) {
                Sample sample = next.value().get();
                group.add(sample);
                pixels += sample.pictures().stream().mapToLong(TokenShardsWriter::pixels).sum();
                if (pixels >= PIXELS_TOGETHER || group.size() == SAMPLES_TOGETHER) {
                    writeGroup(out, group);
                    group.clear();
                    pixels = 0;
                }
            }
            writeGroup(out, group);
            return stream.skipped().count();
        }
    }

    private static long pixels(Picture picture) {
        return picture instanceof Picture.Raw(Pixels p) ? (long) p.height() * p.width() : 0;
    }

    private Sample accepted(Sample sample) throws BrokenSample {
        for (Picture picture : sample.pictures()) {
            try {
                if (picture instanceof Picture.Raw(Pixels p)) {
                    ImageTransform.Size unused = target(p);
                }
            } catch (InputException e) {
                throw new BrokenSample(sample.key() + ": " + e.getMessage(), e);
            }
        }
        return sample;
    }

    private ImageTransform.Size target(Pixels pixels) {
        return tokenizer.config().transform().target(pixels.height(), pixels.width());
    }

    private void writeGroup(NewFile out, List<Sample> group) throws IOException {
        List<Picture> tokenised = tokenise(group.stream().flatMap(s -> s.pictures().stream()).toList());
        StringBuilder lines = new StringBuilder();
        int at = 0;
        for (Sample sample : group) {
            int count = sample.pictures().size();
            Sample written = sample.withPictures(tokenised.subList(at, at + count));
            at += count;
            lines.append(SampleJson.write(written, TokenShardsWriter::json)).append('\n');
        }
        out.write(lines.toString().getBytes(UTF_8));
    }

    private List<Picture> tokenise(List<Picture> pictures) {
        List<Picture> tokenised = new ArrayList<>(pictures);
        Map<ImageTransform.Size, List<Integer>> bySize = new LinkedHashMap<>();
        for (int i = 0; i < pictures.size(); i++) {
            if (pictures.get(i) instanceof Picture.Raw(Pixels p)) {
                bySize.computeIfAbsent(target(p), s -> new ArrayList<>()).add(i);
            }
        }
        for (List<Integer> places : bySize.values()) {
            for (int from = 0; from < places.size(); from += batch) {
                List<Integer> some = places.subList(from, Math.min(places.size(), from + batch));
                List<ImageTokens> tokens = tokenizer.encode(some.stream().map(i -> ((Picture.Raw) pictures.get(i)).pixels()).toList());
                for (int i = 0; i < some.size(); i++) {
                    Picture unused = tokenised.set(some.get(i), new Picture.Tokenised(tokens.get(i)));
                }
            }
        }
        return Collections.unmodifiableList(tokenised);
    }

    private static JsonNode json(Picture picture) {
        ImageTokens tokens = ((Picture.Tokenised) picture).tokens();
        ObjectNode json = Json.mapper().createObjectNode().put("height", tokens.height()).put("width", tokens.width());
        ArrayNode list = json.putArray("tokens");
        for (int id : tokens.ids()) {
            ArrayNode unused = list.add(id);
        }
        return json;
    }
}
