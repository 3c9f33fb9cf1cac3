package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.CheckpointException;

/** How the model of a jar becomes files. */
class DefaultModelTest {
    private static final int MANY = 8;

    @TempDir
    Path folder;

    /** Programs that start at the same time. */
    @Test
    void manyAtOnceUnpackOne() throws Exception {
        Path jar = jar("org/xomni/model/model/config.json", "org/xomni/model/flux/vae/config.json");
        CyclicBarrier together = new CyclicBarrier(MANY);
        List<Future<Path>> unpacked = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(MANY)) {
            for (int i = 0; i < MANY; i++) {
                unpacked.add(threads.submit(() -> {
                    together.await();
                    return unpack(jar);
                }));
            }
        }
        for (Future<Path> one : unpacked) {
            assertThat(one.get()).isEqualTo(unpacked.getFirst().get());
        }
        assertThat(unpacked.getFirst().get().resolve("flux/vae/config.json")).hasSize(1 << 20);
        assertThat(inCache()).hasSize(1);
        assertThat(unpack(jar)).as("once more").isEqualTo(unpacked.getFirst().get());
    }

    @Test
    void whatFailsLeavesNothingBehind() throws IOException {
        assertThatThrownBy(() -> unpack(jar("org/xomni/model/model/config.json", "org/xomni/model/../../outside"))).isInstanceOf(CheckpointException.class)
                .hasMessageContaining("outside of its folder");
        assertThat(inCache()).isEmpty();
        Path jar = jar("org/xomni/model/model/config.json", "org/xomni/model/model/tokenizer.json");
        Path target = unpack(jar);
        Files.delete(target.resolve("model/tokenizer.json"));
        assertThatThrownBy(() -> unpack(jar)).isInstanceOf(IOException.class).hasMessageContaining("lacks some of its files, delete it");
        assertThat(inCache()).containsExactly(target);
    }

    private Path unpack(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            return DefaultModel.unpack(file, folder.resolve("cache"));
        }
    }

    private List<Path> inCache() throws IOException {
        if (!Files.exists(folder.resolve("cache"))) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(folder.resolve("cache"))) {
            return all.toList();
        }
    }

    /** A jar with entries of some size, so that unpacking takes a while. */
    private Path jar(String... names) throws IOException {
        Path jar = folder.resolve("model-" + names.length + names[1].length() + ".jar");
        try (OutputStream out = Files.newOutputStream(jar); JarOutputStream entries = new JarOutputStream(out)) {
            for (String name : names) {
                entries.putNextEntry(new JarEntry(name));
                entries.write(new byte[1 << 20]);
            }
        }
        return jar;
    }
}
