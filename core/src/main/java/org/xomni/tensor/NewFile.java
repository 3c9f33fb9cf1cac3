package org.xomni.tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.UUID;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A file being written: under a temporary name beside its target, which it replaces in one step when it is whole and on the disk. */
public final class NewFile {
    private static final int CHUNK_BYTES = 1 << 20;
    /** Characters of a name to which a file system may not let more be added. */
    private static final int LONG_NAME = 50;
    /** As many as Linux follows. */
    private static final int MOST_LINKS = 40;

    private static final Logger LOG = LoggerFactory.getLogger(NewFile.class);

    private final FileChannel channel;
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private long position;

    private NewFile(FileChannel channel) {
        this.channel = channel;
    }

    /** Writes the contents of a file. */
    @FunctionalInterface
    public interface Content {
        void writeTo(NewFile out) throws IOException;
    }

    /**
     * Where a file of that name is written: links are followed, as they are when a file is read.
     *
     * @throws InputException if links go round in a circle
     */
    public static Path behindLinks(Path file) {
        Path target = file.toAbsolutePath();
        try {
            for (int links = 0; Files.isSymbolicLink(target); links++) {
                if (links == MOST_LINKS) {
                    throw new InputException(file + " is a link to a link without end; name a file");
                }
                target = target.resolveSibling(Files.readSymbolicLink(target));
            }
        } catch (IOException e) {
            throw new InputException(file + " is a link that cannot be read (" + e + "); name a file", e);
        }
        return target;
    }

    /**
     * Writes a file, making its folder if there is none. Until it is whole, a file that stood there before stays as it was. Of a link the file is written that it
     * leads to.
     *
     * @throws XOmniException if the disk does not take it
     */
    public static void write(Path target, Content content) {
        Path absolute = behindLinks(target);
        String name = String.valueOf(absolute.getFileName());
        Path temporary = absolute.resolveSibling((name.length() > LONG_NAME ? "" : name) + "." + UUID.randomUUID() + ".tmp");
        try {
            Files.createDirectories(Objects.requireNonNull(absolute.getParent(), "a file lies in a folder"));
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                content.writeTo(new NewFile(channel));
                channel.force(true);
            }
            Files.move(temporary, absolute, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new XOmniException(target + " cannot be written (" + e + "); check the folder's permissions and the free space", e);
        } finally {
            delete(temporary);
        }
    }

    /** Writes a text file, in UTF-8; as {@link #write(Path, Content)}. */
    public static void write(Path target, String text) {
        write(target, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static void delete(Path temporary) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            if (!Files.exists(temporary)) {
                return;
            }
            LOG.warn("{} is left over and cannot be deleted: {}", temporary, e.toString());
        }
    }

    /** How many bytes are written so far. */
    long position() {
        return position;
    }

    public void write(byte[] data) throws IOException {
        write(MemorySegment.ofArray(data));
    }

    /** Writes a buffer from its start to its capacity. */
    void write(ByteBuffer data) throws IOException {
        write(MemorySegment.ofBuffer(data.clear()));
    }

    /** Writes data and returns its CRC-32. */
    int write(MemorySegment data) throws IOException {
        CRC32 crc = new CRC32();
        for (long at = 0; at < data.byteSize(); at += CHUNK_BYTES) {
            int length = (int) Math.min(CHUNK_BYTES, data.byteSize() - at);
            MemorySegment.copy(data, at, MemorySegment.ofBuffer(chunk.clear()), 0, length);
            crc.update(chunk.limit(length));
            for (chunk.rewind(); chunk.hasRemaining(); ) {
                position += channel.write(chunk);
            }
        }
        return (int) crc.getValue();
    }
}
