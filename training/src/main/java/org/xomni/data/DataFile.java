package org.xomni.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.xomni.tensor.Folders;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/** A file that many threads read at any place. */
final class DataFile implements AutoCloseable {
    private final Path path;
    private final FileChannel channel;
    private final long size;

    private DataFile(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
    }

    /** @throws InputException if it is not a file that can be read */
    static DataFile open(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new InputException(path + " " + Folders.notAFile(path) + "; check the path of the data");
        }
        try {
            return new DataFile(path, FileChannel.open(path, StandardOpenOption.READ));
        } catch (IOException e) {
            throw new InputException(path + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /**
     * Reads some bytes.
     *
     * @throws XOmniException if the file has become shorter or the disk fails
     */
    byte[] read(long offset, int length) {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try {
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, offset + bytes.position()) < 0) {
                    throw new XOmniException(path + " ends before byte " + (offset + length) + ", it has become shorter; restore it");
                }
            }
        } catch (IOException e) {
            throw new XOmniException(path + " cannot be read at byte " + offset + " (" + e + "); check the disk", e);
        }
        return bytes.array();
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new XOmniException(path + " cannot be closed: " + e, e);
        }
    }
}
