package org.xomni.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A folder being written: under a hidden name beside its target, which it becomes in one step when it is whole. */
public final class NewFolder {
    private static final Logger LOG = LoggerFactory.getLogger(NewFolder.class);

    private NewFolder() {}

    /** Fills a folder. */
    @FunctionalInterface
    public interface Content {
        /** @param folder empty, or not there yet */
        void writeTo(Path folder) throws IOException;
    }

    /**
     * Writes a folder. The one above it must be there.
     *
     * @param target does not exist, or is an empty folder
     * @throws InputException if the target is taken or lies nowhere
     * @throws XOmniException if the disk does not take it
     */
    public static void write(Path target, Content content) {
        Path whole = target.toAbsolutePath().normalize();
        Path parent = whole.getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new InputException("the folder of " + target + " does not exist; create it first");
        }
        requireFree(target);
        Path partial = whole.resolveSibling("." + whole.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            content.writeTo(partial);
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

    /** Deletes a folder that may not exist; what cannot be deleted is left. */
    private static void deleteTree(Path folder) {
        try {
            Folders.delete(folder);
        } catch (IOException e) {
            LOG.warn("{} is left over and cannot be deleted: {}", folder, e.toString());
        }
    }
}
