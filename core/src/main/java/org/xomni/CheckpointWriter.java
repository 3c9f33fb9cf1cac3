package org.xomni;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.tensor.InputException;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.TorchArchive;
import org.xomni.tensor.XOmniException;

/**
 * Writes a checkpoint's folder anew, file by file, so that names and shards stay: weights are read, checked and written in their format,
 * all else is copied. The new folder appears under its name when it is whole.
 */
final class CheckpointWriter {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);

    private CheckpointWriter() {}

    static void write(Path source, Path target) {
        Path whole = target.toAbsolutePath().normalize();
        Path parent = whole.getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new InputException("the folder of " + target + " does not exist; create it first");
        }
        if (whole.startsWith(source.toAbsolutePath().normalize())) {
            throw new InputException(target + " lies within the checkpoint " + source + "; choose a folder outside of it");
        }
        requireFree(target);
        Path partial = whole.resolveSibling("." + whole.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            for (Path file : files(source)) {
                rewrite(source.resolve(file), partial.resolve(file));
            }
            // Only an empty folder can be in the way.
            Files.deleteIfExists(whole);
            Files.move(partial, whole, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException | UncheckedIOException e) {
            throw new XOmniException(target + " cannot be written (" + e + "); check the folder's permissions and the free space", e);
        } finally {
            deleteTree(partial);
        }
    }

    private static void requireFree(Path target) {
        try {
            if (Files.exists(target) && (!Files.isDirectory(target) || !isEmpty(target))) {
                throw new InputException(target + " exists already; name a new or empty folder");
            }
        } catch (IOException e) {
            throw new InputException(target + " cannot be listed (" + e + "); check its permissions", e);
        }
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isEmpty();
        }
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

    /** Deletes a folder that may not exist; what cannot be deleted is left. */
    private static void deleteTree(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            LOG.warn("{} is left over and cannot be deleted: {}", folder, e.toString());
        }
    }
}
