package org.xomni;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.xomni.tensor.InputException;
import org.xomni.tensor.NewFolder;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.TorchArchive;

/**
 * Writes a checkpoint's folder anew, file by file, so that names and shards stay: weights are read, checked and written in their format,
 * all else is copied. The new folder appears under its name when it is whole.
 */
final class CheckpointWriter {
    private CheckpointWriter() {}

    static void write(Path source, Path target) {
        if (target.toAbsolutePath().normalize().startsWith(source.toAbsolutePath().normalize())) {
            throw new InputException(target + " lies within the checkpoint " + source + "; choose a folder outside of it");
        }
        NewFolder.write(target, folder -> {
            for (Path file : files(source)) {
                rewrite(source.resolve(file), folder.resolve(file));
            }
        });
    }

    /** Links are followed, since download caches consist of them; hidden files are the caches' own. */
    private static List<Path> files(Path source) throws IOException {
        try (Stream<Path> all = Files.walk(source, FileVisitOption.FOLLOW_LINKS)) {
            return all.filter(Files::isRegularFile).map(source::relativize).filter(CheckpointWriter::visible).sorted().toList();
        }
    }

    private static boolean visible(Path file) {
        for (Path name : file) {
            if (name.toString().startsWith(".")) {
                return false;
            }
        }
        return true;
    }

    private static void rewrite(Path from, Path to) throws IOException {
        Files.createDirectories(Objects.requireNonNull(to.getParent(), "a file lies in a folder"));
        String name = from.getFileName().toString();
        if (name.endsWith(".safetensors")) {
            try (SafetensorsFile file = SafetensorsFile.open(from)) {
                SafetensorsFile.write(to, file.tensors().values(), file.metadata());
            }
        } else if (name.endsWith(".pt")) {
            try (TorchArchive file = TorchArchive.open(from)) {
                TorchArchive.write(to, file.tensors().values());
            }
        } else {
            Files.copy(from, to);
        }
    }
}
