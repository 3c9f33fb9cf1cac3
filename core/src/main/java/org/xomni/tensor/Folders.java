package org.xomni.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** What {@link Files} lacks for folders. */
public final class Folders {
    private Folders() {}

    /** What a path is that should be a file and is none, as a predicate: "is not a file". */
    public static String notAFile(Path path) {
        return Files.exists(path) ? "is not a file" : "does not exist";
    }

    /** Deletes a folder with all it holds, if it is there. */
    public static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
