package org.xomni.data;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.xomni.data.SampleStream.Indexed;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes samples as tar shards that {@link WebDataset} and other readers of this format understand: {@code 000000123.png} (or
 * {@code .0.png}, {@code .1.png}), {@code 000000123.json} with the whole sample, and a prompt also as {@code 000000123.txt}. Same samples,
 * same bytes.
 */
public final class WebDatasetWriter {
    private static final int BLOCK = 512;

    private WebDatasetWriter() {}

    /**
     * Writes samples 0 .. samples-1 of a source; shards that are there already stay.
     *
     * @param about what decides the samples, such as a seed: a folder is only continued with the same
     * @param threads that make samples
     * @param done hears how many samples are written
     * @throws InputException if the folder was begun with other settings, or a picture is tokens already
     */
    public static void write(
            Path folder,
            SampleSource source,
            long samples,
            int samplesPerShard,
            Map<String, String> about,
            int threads,
            LongConsumer done) {
        new ShardedFolder(folder, ShardedFolder.Kind.PICTURES, samples, samplesPerShard, about)
                .write((out, from, to) -> writeShard(out, source, from, to, threads), done);
    }

    private static void writeShard(NewFile out, SampleSource source, long from, long to, int threads) throws IOException {
        SampleStream.Maker<Optional<Sample>> maker = i -> i < to ? Optional.of(source.sample(i)) : Optional.empty();
        try (SampleStream<Optional<Sample>> stream = new SampleStream<>(maker, from, threads)) {
            for (Indexed<Optional<Sample>> next = stream.next(); next.value().isPresent(); next = stream.next()) {
                writeSample(out, String.format(Locale.ROOT, "%09d", next.index()), next.value().get());
            }
        }
        out.write(new byte[2 * BLOCK]);
    }

    private static void writeSample(NewFile out, String key, Sample sample) throws IOException {
        List<Picture> pictures = sample.pictures();
        int[] next = {0};
        ObjectNode json = SampleJson.write(sample, p -> Json.mapper().getNodeFactory().stringNode(kind(next[0]++, pictures.size())));
        for (int i = 0; i < pictures.size(); i++) {
            if (!(pictures.get(i) instanceof Picture.Raw(var pixels))) {
                throw new InputException(sample.key() + " is tokenised; only samples with pixels can be written as pictures");
            }
            writeMember(out, key + "." + kind(i, pictures.size()), PngWriter.encode(pixels, Map.of()));
        }
        writeMember(out, key + ".json", json.toString().getBytes(UTF_8));
        if (sample instanceof Sample.Generation(_, String prompt, _)) {
            writeMember(out, key + ".txt", prompt.getBytes(UTF_8));
        }
    }

    private static String kind(int picture, int pictures) {
        return pictures == 1 ? "png" : picture + ".png";
    }

    /** A POSIX ustar member without owner and time. */
    private static void writeMember(NewFile out, String name, byte[] data) throws IOException {
        byte[] header = new byte[BLOCK];
        put(header, 0, name);
        put(header, 100, "0000644\0");
        put(header, 108, "0000000\0");
        put(header, 116, "0000000\0");
        put(header, 124, String.format(Locale.ROOT, "%011o\0", data.length));
        put(header, 136, "00000000000\0");
        put(header, 148, "        ");
        put(header, 156, "0");
        put(header, 257, "ustar\00000");
        int sum = 0;
        for (byte b : header) {
            sum += b & 0xFF;
        }
        put(header, 148, String.format(Locale.ROOT, "%06o\0 ", sum));
        out.write(header);
        out.write(data);
        out.write(new byte[Math.floorMod(-data.length, BLOCK)]);
    }

    private static void put(byte[] header, int at, String text) {
        byte[] bytes = text.getBytes(US_ASCII);
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }
}
