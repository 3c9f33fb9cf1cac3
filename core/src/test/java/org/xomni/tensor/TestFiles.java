package org.xomni.tensor;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Files for the tests of the formats: the fixtures, and files made byte by byte. */
final class TestFiles {
    static final Path FIXTURES = Path.of(System.getProperty("xomni.fixtures"));

    private TestFiles() {}

    /** All fixtures whose names end so. */
    static List<Path> fixtures(String suffix) {
        try (Stream<Path> files = Files.walk(FIXTURES)) {
            return files.filter(f -> f.toString().endsWith(suffix)).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A tensor whose bytes count up from a first value. */
    static StoredTensor tensor(String name, DType dtype, int first, long... shape) {
        MemorySegment bytes = Arena.ofAuto().allocate(StoredTensor.byteSize(dtype, shape), 8);
        for (long i = 0; i < bytes.byteSize(); i++) {
            bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (first + i));
        }
        return new StoredTensor(name, dtype, shape, bytes);
    }

    static byte[] bytes(StoredTensor tensor) {
        return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
    }

    /** A safetensors file with this header and so many bytes of data. */
    static Path safetensors(Path file, String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer all = ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
        for (int i = 0; i < dataBytes; i++) {
            all.put((byte) i);
        }
        return write(file, all.array());
    }

    /** A zip archive of stored records, by another writer than ours. */
    static Path zip(Path file, Map<String, byte[]> records) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> record : records.entrySet()) {
                CRC32 crc = new CRC32();
                crc.update(record.getValue());
                ZipEntry entry = new ZipEntry(record.getKey());
                entry.setMethod(ZipEntry.STORED);
                entry.setSize(record.getValue().length);
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(record.getValue());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return write(file, bytes.toByteArray());
    }

    static Path write(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
