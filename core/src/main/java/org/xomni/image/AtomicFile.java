package org.xomni.image;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.xomni.tensor.InputException;

/** Files that appear whole or not at all: written under a temporary name in the same folder, then moved into place. */
final class AtomicFile {
    private AtomicFile() {}

    /** @throws InputException if the folder is missing or not writable, or the target is a folder */
    static void write(Path file, byte[] bytes) {
        Path target = file.toAbsolutePath();
        Path folder = target.getParent();
        if (folder == null || Files.isDirectory(target)) {
            throw new InputException(file + " is a folder; give a file name to write to");
        }
        if (!Files.isDirectory(folder)) {
            throw new InputException(folder + " is not a folder, so " + file + " cannot be written; create it first");
        }
        String writer = ProcessHandle.current().pid() + "-" + Thread.currentThread().threadId();
        Path temporary = folder.resolve("." + target.getFileName() + "." + writer + ".tmp");
        try {
            try {
                Files.write(temporary, bytes);
                move(temporary, target);
            } finally {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new InputException(file + " cannot be written (" + e + "); choose a writable folder with free space", e);
        }
    }

    private static void move(Path temporary, Path target) throws IOException {
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
