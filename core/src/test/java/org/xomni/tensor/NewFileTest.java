package org.xomni.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NewFileTest {
    @TempDir
    Path folder;

    @Test
    void behindALinkTheFileIsWrittenThatItLeadsTo() throws IOException {
        Path there = Files.createDirectory(folder.resolve("there"));
        Path file = Files.writeString(there.resolve("file"), "old");
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("there/file"));
        Path toLink = Files.createSymbolicLink(folder.resolve("to-link"), link);

        NewFile.write(toLink, "new");

        assertThat(link).isSymbolicLink();
        assertThat(toLink).isSymbolicLink();
        assertThat(file).isRegularFile().hasContent("new");
        assertThat(there).isDirectoryContaining(path -> path.equals(file)).isDirectoryNotContaining(path -> !path.equals(file));
    }

    @Test
    void aLinkToNothingMakesTheFile() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("missing"));

        NewFile.write(link, "new");

        assertThat(link).isSymbolicLink();
        assertThat(folder.resolve("missing")).hasContent("new");
    }

    @Test
    void linksInACircleAreRefused() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("one"), Path.of("two"));
        Files.createSymbolicLink(folder.resolve("two"), Path.of("one"));

        assertThatThrownBy(() -> NewFile.write(link, "new")).isInstanceOf(InputException.class).hasMessageContaining("without end");
    }
}
