package org.xomni.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * A file of many JSON objects, one a line ({@code .jsonl}) or in one array ({@code .json}), of which each is read when it is asked for.
 * Opening it scans it once for where they stand; a line is not looked at until it is read, so a broken one breaks one record only.
 */
final class JsonFile implements AutoCloseable {
    private static final int MAX_BYTES = 64 << 20;

    private final DataFile file;
    private final long[] starts;
    private final long[] ends;

    private JsonFile(DataFile file, Spans spans) {
        this.file = file;
        this.starts = Arrays.copyOf(spans.starts, spans.count);
        this.ends = Arrays.copyOf(spans.ends, spans.count);
    }

    /** @throws InputException if it cannot be read, or is not an array although its name ends with {@code .json} */
    static JsonFile open(Path path) {
        DataFile file = DataFile.open(path);
        try (InputStream in = Files.newInputStream(path)) {
            return new JsonFile(file, path.toString().endsWith(".json") ? elements(in, path) : lines(in));
        } catch (IOException e) {
            file.close();
            throw new InputException(path + " cannot be read (" + e + "); check the disk", e);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** Where the objects stand, in bytes. */
    private static final class Spans {
        private long[] starts = new long[1024];
        private long[] ends = new long[1024];
        private int count;

        void add(long start, long end) {
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
                ends = Arrays.copyOf(ends, 2 * count);
            }
            starts[count] = start;
            ends[count++] = end;
        }
    }

    private static Spans lines(InputStream in) throws IOException {
        Spans spans = new Spans();
        byte[] buffer = new byte[1 << 20];
        long read = 0;
        long start = 0;
        boolean blank = true;
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            for (int i = 0; i < n; i++) {
                if (buffer[i] == '\n') {
                    if (!blank) {
                        spans.add(start, read + i);
                    }
                    start = read + i + 1;
                    blank = true;
                } else if (buffer[i] != ' ' && buffer[i] != '\r' && buffer[i] != '\t') {
                    blank = false;
                }
            }
            read += n;
        }
        if (!blank) {
            spans.add(start, read);
        }
        return spans;
    }

    private static Spans elements(InputStream in, Path path) {
        Spans spans = new Spans();
        try (JsonParser parser = Json.mapper().createParser(in)) {
            if (parser.nextToken() != JsonToken.START_ARRAY) {
                throw new InputException(path + " is not an array of records; name a file with one record a line .jsonl");
            }
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                long start = parser.currentTokenLocation().getByteOffset();
                JsonParser unused = parser.skipChildren();
                parser.finishToken();
                long end = parser.currentLocation().getByteOffset();
                if (start < 0 || end < start) {
                    throw new InputException(path + " is not UTF-8; convert it");
                }
                spans.add(start, end);
            }
        } catch (JacksonException e) {
            throw new InputException(path + " is not valid JSON (" + e.getOriginalMessage().lines().findFirst().orElse("") + " at byte "
                    + (e.getLocation() == null ? "?" : "" + e.getLocation().getByteOffset()) + "); restore it", e);
        }
        return spans;
    }

    int size() {
        return starts.length;
    }

    /** The name of a record in messages: the file's and the number, from 1. */
    String name(int number) {
        return file.path().getFileName() + "/" + (number + 1);
    }

    byte[] read(int number) throws BrokenSample {
        long length = ends[number] - starts[number];
        if (length > MAX_BYTES) {
            throw new BrokenSample(name(number) + " has " + length + " bytes, more than " + MAX_BYTES);
        }
        return file.read(starts[number], (int) length);
    }

    @Override
    public void close() {
        file.close();
    }
}
