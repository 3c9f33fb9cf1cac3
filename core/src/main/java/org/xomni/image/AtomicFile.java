package org.xomni.image;

import java.nio.file.Files;
import java.nio.file.Path;
import org.xomni.tensor.InputException;
import org.xomni.tensor.NewFile;
import org.xomni.tensor.XOmniException;

/** Files that a user names: written whole or not at all, into a folder that is there. */
final class AtomicFile {
    private AtomicFile() {}

    /** @throws InputException if the folder is missing or not writable, or the target is a folder */
    static void write(Path file, byte[] bytes) {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || Files.isDirectory(file)) {
            throw new InputException(file + " is a folder; give a file name to write to");
        }
        if (!Files.isDirectory(folder)) {
            throw new InputException(folder + " is not a folder, so " + file + " cannot be written; create it first");
        }
        try {
            NewFile.write(file, out -> out.write(bytes));
        } catch (XOmniException e) {
            throw new InputException(String.valueOf(e.getMessage()), e);
        }
    }
}
