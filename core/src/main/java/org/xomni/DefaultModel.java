package org.xomni;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Folders;

/**
 * The model that is used when nobody names one: a checkpoint on the class path, as a Maven artifact brings it. Weights must be files to be
 * mapped, so from a jar they are unpacked once, into {@code $XDG_CACHE_HOME/xomni} or {@code ~/.cache/xomni}.
 */
final class DefaultModel {
    private static final String ROOT = "org/xomni/model/";

    private DefaultModel() {}

    /**
     * The model folder.
     *
     * @throws CheckpointException if there is no model on the class path
     */
    static Path locate() {
        URL config = DefaultModel.class.getClassLoader().getResource(ROOT + "model/config.json");
        if (config == null) {
            throw new CheckpointException("no model is embedded in this program; name one (--model DIR on the command line) or add an xomni-model artifact");
        }
        try {
            return switch (config.getProtocol()) {
                case "file" -> Path.of(config.toURI()).resolveSibling("");
                case "jar" -> unpack((JarURLConnection) config.openConnection());
                default -> throw new CheckpointException("the embedded model at " + config + " cannot be read; unpack it and name its folder");
            };
        } catch (IOException | URISyntaxException e) {
            throw new CheckpointException("the embedded model cannot be unpacked: " + e.getMessage() + "; set XDG_CACHE_HOME to a writable folder", e);
        }
    }

    private static Path unpack(JarURLConnection connection) throws IOException {
        connection.setUseCaches(false);
        try (JarFile jar = connection.getJarFile()) {
            return unpack(jar, cache()).resolve("model");
        }
    }

    /**
     * Unpacks the model of a jar, unless that has been done; several threads and processes may at the same time.
     *
     * @param cache the folder for folders of unpacked models
     * @return the model's folder of its own in there
     */
    static Path unpack(JarFile jar, Path cache) throws IOException {
        List<JarEntry> entries = jar.stream().filter(e -> e.getName().startsWith(ROOT) && !e.isDirectory()).toList();
        Path target = cache.resolve("model-" + Long.toHexString(fingerprint(entries)));
        if (isWhole(target, entries)) {
            return target;
        }
        Files.createDirectories(cache);
        Path partial = Files.createTempDirectory(cache, "unpacking-");
        try {
            for (JarEntry entry : entries) {
                Path file = in(partial, entry);
                Files.createDirectories(file.getParent());
                try (var in = jar.getInputStream(entry)) {
                    Files.copy(in, file);
                }
            }
            become(partial, target, entries);
        } finally {
            Folders.delete(partial);
        }
        return target;
    }

    private static void become(Path partial, Path target, List<JarEntry> entries) throws IOException {
        try {
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // Another was faster, with the same files? Systems differ in what they then throw.
            if (!isWhole(target, entries)) {
                throw Files.exists(target) ? new IOException(target + " lacks some of its files, delete it", e) : e;
            }
        }
    }

    private static boolean isWhole(Path target, List<JarEntry> entries) throws IOException {
        for (JarEntry entry : entries) {
            Path file = in(target, entry);
            if (!Files.isRegularFile(file) || Files.size(file) != entry.getSize()) {
                return false;
            }
        }
        return true;
    }

    private static Path in(Path folder, JarEntry entry) {
        Path file = folder.resolve(entry.getName().substring(ROOT.length())).normalize();
        if (!file.startsWith(folder)) {
            throw new CheckpointException("the embedded model has an entry outside of its folder: " + entry.getName());
        }
        return file;
    }

    /** Differs when any file does. */
    private static long fingerprint(List<JarEntry> entries) {
        CRC32 crc = new CRC32();
        long size = 0;
        for (JarEntry entry : entries) {
            crc.update((entry.getName() + ' ' + entry.getCrc()).getBytes(StandardCharsets.UTF_8));
            size += entry.getSize();
        }
        return size << 32 ^ crc.getValue();
    }

    private static Path cache() {
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base = xdg != null && !xdg.isEmpty() ? Path.of(xdg) : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("xomni");
    }
}
