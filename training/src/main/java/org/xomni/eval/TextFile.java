package org.xomni.eval;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.xomni.tensor.InputException;

/** Text files that appear whole or not at all. */
final class TextFile {
    private TextFile() {}

    /** @throws InputException if the file cannot be written */
    static void write(Path file, String text) {
        Path target = file.toAbsolutePath();
        Path temporary = target.resolveSibling("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        try {
            try {
                Files.writeString(temporary, text);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                boolean unused = Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            throw new InputException(file + " cannot be written (" + e + "); choose a writable folder with free space", e);
        }
    }
}
