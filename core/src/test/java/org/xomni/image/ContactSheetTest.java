package org.xomni.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;

class ContactSheetTest {
    @Test
    void picturesStandInTheMiddleOfTheirCells() {
        Pixels sheet = ContactSheet.of(List.of(new Pixels(10, 6), new Pixels(6, 10), new Pixels(10, 6)), 2);
        assertThat(sheet.height()).isEqualTo(2 * 14 + 4);
        assertThat(sheet.width()).isEqualTo(2 * 14 + 4);
        assertThat(sheet.get(4, 6, 0)).isZero();
        assertThat(sheet.get(4, 5, 0)).isEqualTo(0xE0);
        assertThat(sheet.get(6, 18, 0)).isZero();
        assertThat(sheet.get(5, 18, 0)).isEqualTo(0xE0);
        assertThat(sheet.get(18, 6, 0)).isZero();
        assertThat(sheet.get(20, 20, 0)).isEqualTo(0xE0);
    }

    @Test
    void captionsLieBesideIt(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("sheet.png");
        ContactSheet.write(png, List.of(new Pixels(8, 8), new Pixels(8, 8)), List.of("one\ntwo", "three"), 8);
        assertThat(ImageFiles.read(png)).isEqualTo(ContactSheet.of(List.of(new Pixels(8, 8), new Pixels(8, 8)), 8));
        assertThat(Files.readString(folder.resolve("sheet.txt"))).isEqualTo("1\tone | two\n2\tthree\n");
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(2);
        }
    }

    @Test
    void eachPictureNeedsACaption(@TempDir Path folder) {
        assertThatThrownBy(() -> ContactSheet.write(folder.resolve("a.png"), List.of(new Pixels(8, 8)), List.of(), 8))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("1 pictures cannot have 0 captions");
        assertThatThrownBy(() -> ContactSheet.of(List.of(), 8)).isInstanceOf(InputException.class);
    }
}
