package org.xomni.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.xomni.image.Samples.noise;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;

class PngWriterTest {
    @TempDir
    Path folder;

    private static Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put("prompt", "a sign that says \"猫 😀\"\nin two lines");
        texts.put("seed", "1234");
        texts.put("parameters", "");
        return texts;
    }

    @Test
    void writesPixelsAndTextsThatReadBack() {
        Path file = folder.resolve("drawn.png");
        for (Pixels image : new Pixels[] {noise(1, 1), noise(37, 53), new Pixels(300, 200)}) {
            PngWriter.write(file, image, texts());
            assertThat(ImageFiles.read(file)).isEqualTo(image);
            assertThat(PngText.read(file)).containsExactlyEntriesOf(texts());
        }
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void givesTheSameBytesForTheSameInput() {
        assertThat(PngWriter.encode(noise(20, 30), texts())).isEqualTo(PngWriter.encode(noise(20, 30), texts()));
    }

    @Test
    void compressesPictures() {
        Pixels ramp = new Pixels(256, 256);
        for (int i = 0; i < ramp.rgb().length; i++) {
            ramp.rgb()[i] = (byte) (i / 3 % 256 + i / 768);
        }
        assertThat(PngWriter.encode(ramp, Map.of()).length).isLessThan(2000);
    }

    @Test
    void refusesTextsThatAPngCannotHold() {
        for (String keyword : new String[] {"", " seed", "two  spaces", "猫", "line\nbreak", "k".repeat(80)}) {
            assertThatThrownBy(() -> PngWriter.encode(noise(1, 1), Map.of(keyword, "x")))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("cannot name a text");
        }
        assertThatThrownBy(() -> PngWriter.encode(noise(1, 1), Map.of("k", "a\0b")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("null character");
    }

    @Test
    void saysWhereItCannotWrite() throws IOException {
        assertThatThrownBy(() -> PngWriter.write(folder, noise(1, 1), Map.of()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is a folder");
        assertThatThrownBy(() -> PngWriter.write(folder.resolve("no/x.png"), noise(1, 1), Map.of()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("create it first");
        PngWriter.write(folder.resolve("x".repeat(255)), noise(1, 1), Map.of());
        assertThat(folder.resolve("x".repeat(255))).exists();
        assertThatThrownBy(() -> PngWriter.write(folder.resolve("x".repeat(300)), noise(1, 1), Map.of()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("cannot be written");
        var readOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("r-xr-xr-x"));
        Path locked = Files.createDirectory(folder.resolve("locked"), readOnly);
        assumeThat(Files.isWritable(locked)).as("root may write anywhere").isFalse();
        assertThatThrownBy(() -> PngWriter.write(locked.resolve("x.png"), noise(1, 1), Map.of()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("check the folder's permissions");
    }

    @Test
    void readsTextsOfOtherProgramsAndBoundsThem() throws IOException {
        Path file = folder.resolve("texts.png");
        Files.write(file, withTexts(new byte[10]));
        assertThat(PngText.read(file)).containsEntry("Comment", "caf\u00E9").containsEntry("packed", "\0".repeat(10));
        Files.write(file, withTexts(new byte[50 << 20]));
        assertThatThrownBy(() -> PngText.read(file)).isInstanceOf(InputException.class).hasMessageContaining("more than 1048576 bytes");
        assertThat(ImageFiles.read(file)).as("decoding does not look at texts").isEqualTo(noise(3, 3));
        byte[] whole = withTexts(new byte[10]);
        Files.write(file, Arrays.copyOf(whole, whole.length - 12));
        assertThatThrownBy(() -> PngText.read(file)).isInstanceOf(InputException.class).hasMessageContaining("is truncated");
        Files.write(file, new byte[] {1, 2});
        assertThatThrownBy(() -> PngText.read(file)).isInstanceOf(InputException.class).hasMessageContaining("is not a PNG");
    }

    /** A PNG with a Latin-1 text and one that inflates to {@code packed}. */
    private static byte[] withTexts(byte[] packed) throws IOException {
        byte[] plain = PngWriter.encode(noise(3, 3), Map.of());
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.write(plain, 0, 33);
        Png.write(file, "tEXt", "Comment\0caf\u00E9".getBytes(ISO_8859_1));
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes("packed\0\0".getBytes(ISO_8859_1));
        try (var deflater = new DeflaterOutputStream(text)) {
            deflater.write(packed);
        }
        Png.write(file, "zTXt", text.toByteArray());
        file.write(plain, 33, plain.length - 33);
        return file.toByteArray();
    }
}
