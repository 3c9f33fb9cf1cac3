package org.xomni.train;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.XOmniException;

/**
 * Writes what a run measures: {@code RUN/metrics.jsonl}, one JSON object a line. Every line is handed to the system at once, so that a
 * killed process loses none but the one that it was writing.
 *
 * <pre>{@code {"step":200,"seconds":31.2,"loss":1.83,"gradient_norm":0.7}
 * {"step":210,"seconds":32.9,"loss":null,"not_finite":["loss"]}
 * {"step":210,"seconds":32.9,"problem":"shard-00012.tar/000345 is no image"}}</pre>
 *
 * <p>{@link MetricsFile} reads it.
 */
public final class Metrics implements AutoCloseable {
    static final String FILE = "metrics.jsonl";
    static final String STEP = "step";
    static final String SECONDS = "seconds";
    static final String NOT_FINITE = "not_finite";
    static final String PROBLEM = "problem";

    private final Path file;
    private final FileChannel channel;
    private final double secondsBefore;
    private final long start = System.nanoTime();

    private Metrics(Path file, FileChannel channel, double secondsBefore) {
        this.file = file;
        this.channel = channel;
        this.secondsBefore = secondsBefore;
    }

    /**
     * Goes on after a step: what was written of later steps is dropped, since they are done again. So the file of an interrupted run is
     * that of an uninterrupted one but for times.
     *
     * @param run the run's folder, made if there is none
     * @param step how many steps are done; 0 begins anew
     * @throws InputException if another run writes it
     * @throws XOmniException if the file cannot be written
     */
    public static Metrics open(Path run, long step) {
        Path file = run.resolve(FILE);
        try {
            Files.createDirectories(run);
            List<MetricsFile.Line> kept = new ArrayList<>();
            long bytes = Files.exists(file) ? MetricsFile.scan(file, line -> step > 0 && line.step() <= step && kept.add(line)) : 0;
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            requireAlone(channel, run);
            return new Metrics(file, channel.truncate(bytes).position(bytes), kept.isEmpty() ? 0 : kept.getLast().seconds());
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /**
     * Finds out whether another process trains there, before anything in the folder is changed.
     *
     * @throws InputException if one does
     */
    static void requireFree(Path run) {
        Path file = run.resolve(FILE);
        if (Files.exists(file)) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                requireAlone(channel, run);
            } catch (IOException e) {
                throw failed(file, e);
            }
        }
    }

    /** Two processes in one folder would spoil each other's checkpoints: whoever writes the metrics holds a lock on them. */
    private static void requireAlone(FileChannel channel, Path run) throws IOException {
        boolean alone;
        try {
            alone = channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            alone = false;
        }
        if (!alone) {
            channel.close();
            throw new InputException("another process trains in " + run + "; wait for it or stop it, or name another folder with --run");
        }
    }

    /**
     * Adds a line of measurements. What is not finite becomes {@code null} and is named in {@code not_finite}.
     *
     * @param step how many steps are done
     */
    public void write(long step, Map<String, Double> values) {
        Map<String, Object> line = begin(step);
        List<String> notFinite = new ArrayList<>();
        values.forEach((name, value) -> {
            if (!Double.isFinite(value)) {
                notFinite.add(name);
            }
            line.put(name, Double.isFinite(value) ? value : null);
        });
        if (!notFinite.isEmpty()) {
            line.put(NOT_FINITE, notFinite);
        }
        append(line);
    }

    /** Adds a line that says what went wrong, such as a record that was skipped. */
    public void problem(long step, String what) {
        Map<String, Object> line = begin(step);
        line.put(PROBLEM, what);
        append(line);
    }

    private Map<String, Object> begin(long step) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put(STEP, step);
        double seconds = secondsBefore + (System.nanoTime() - start) / 1e9;
        line.put(SECONDS, Math.round(seconds * 1e3) / 1e3);
        return line;
    }

    private void append(Map<String, Object> line) {
        try {
            byte[] text = (Json.mapper().writeValueAsString(line) + "\n").getBytes(UTF_8);
            for (ByteBuffer bytes = ByteBuffer.wrap(text); bytes.hasRemaining(); ) {
                int unused = channel.write(bytes);
            }
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    private static XOmniException failed(Path file, IOException e) {
        return new XOmniException(file + " cannot be written (" + e + "); check the folder's permissions and the free space", e);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }
}
