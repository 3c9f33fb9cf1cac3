package org.xomni.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A whole file mapped read-only, of any size. Read-only and not private, because a private map counts against the memory that may be
 * committed: a checkpoint larger than the machine's memory could not be mapped. Nothing may write through it.
 *
 * @param path where the file lies
 * @param arena owns the map and whatever is made on the file's behalf
 * @param bytes the whole file
 */
record MappedFile(Path path, Arena arena, MemorySegment bytes) implements AutoCloseable {

    /**
     * Maps a file.
     *
     * @throws CheckpointException if there is no such file or it cannot be read
     */
    static MappedFile open(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new CheckpointException(path + " is missing; give a complete checkpoint folder");
        }
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return new MappedFile(path, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            arena.close();
            throw new CheckpointException(path + " cannot be read (" + e + "); check the file's permissions and its disk", e);
        }
    }

    /** The error for contents that break the format's rules. */
    CheckpointException damaged(String what) {
        return fault("is damaged: " + what, "download or copy it again");
    }

    /** The error for contents that this program does not take. */
    CheckpointException fault(String what, String remedy) {
        return new CheckpointException(path + " " + what + "; " + remedy);
    }

    @Override
    public void close() {
        arena.close();
    }
}
