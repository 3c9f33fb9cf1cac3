package org.xomni.train;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.xomni.tensor.XOmniException;

/** Text files that appear whole or not at all: written under another name in the same folder, then moved into place. */
public final class WholeFile {
    private WholeFile() {}

    /**
     * Writes a file, making its folder if there is none.
     *
     * @throws XOmniException if the disk does not take it; a file that stood there before is as it was
     */
    public static void write(Path file, String text) {
        Path target = file.toAbsolutePath();
        Path temporary = target.resolveSibling("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        try {
            Files.createDirectories(Objects.requireNonNull(target.getParent(), "a file lies in a folder"));
            try (FileChannel channel = FileChannel.open(
                    temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
                for (ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(UTF_8)); bytes.hasRemaining(); ) {
                    int unused = channel.write(bytes);
                }
                channel.force(true);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                boolean unused = Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new XOmniException(file + " cannot be written (" + e + "); check the folder's permissions and the free space", e);
        }
    }
}
