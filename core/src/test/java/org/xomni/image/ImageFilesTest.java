package org.xomni.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.xomni.tensor.InputException;

class ImageFilesTest {
    static Stream<String> decoded() {
        return Samples.lines("decoded.txt").stream();
    }

    static Stream<String> names() {
        return decoded().map(line -> line.split(" ")[0]);
    }

    /** The sizes and checksums are Pillow 11.3.0's, see {@code make_samples.py}. */
    @ParameterizedTest
    @MethodSource("decoded")
    void decodesAsPillowDoes(String line) throws IOException {
        String[] expected = line.split(" ");
        Pixels image = ImageFiles.read(Samples.resource("samples/" + expected[0]));
        assertThat(image).hasToString("Pixels[" + expected[2] + "x" + expected[1] + "]");
        assertThat(Samples.crc(image)).isEqualTo(Long.parseLong(expected[3]));
        var stream = new ByteArrayInputStream(Samples.bytes(expected[0]));
        assertThat(ImageFiles.read(stream, "stream", image.height() * image.width())).isEqualTo(image);
    }

    @ParameterizedTest
    @MethodSource("names")
    void checksThePixelLimit(String name) {
        assertThatThrownBy(() -> ImageFiles.decode(Samples.bytes(name), "it", 0))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("more than the limit of 0");
    }

    @ParameterizedTest
    @MethodSource("names")
    void rejectsTruncatedFiles(String name) {
        byte[] whole = Samples.bytes(name);
        // Where the part that makes the picture ends: a GIF's and an animation's further frames are never looked at.
        int end = switch (name) {
            case "animated.gif", "animated.webp" -> whole.length / 3;
            case "no_jfif.jpg" -> whole.length - "after the end".length();
            default -> whole.length;
        };
        int step = Math.max(1, end / 40);
        for (int length = 2; length < end - (name.endsWith(".gif") ? 6 : 1); length += step) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> ImageFiles.decode(part, "it"))
                    .as("%s cut to %d bytes", name, length)
                    .isExactlyInstanceOf(InputException.class);
        }
        if (!name.endsWith(".gif")) {
            byte[] part = Arrays.copyOf(whole, end - 1);
            assertThatThrownBy(() -> ImageFiles.decode(part, "it"))
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith("it is truncated");
        }
    }

    @Test
    void namesWhatIsNoImage(@TempDir Path folder) {
        assertThatThrownBy(() -> ImageFiles.read(folder)).isInstanceOf(InputException.class).hasMessageContaining("is not a file");
        assertThatThrownBy(() -> ImageFiles.decode(new byte[0], "it"))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("it is empty");
        assertThatThrownBy(() -> ImageFiles.decode("<svg/>".getBytes(ISO_8859_1), "it"))
                .isInstanceOf(InputException.class)
                .hasMessage("it is not a PNG, JPEG, WebP, GIF or BMP image; convert it to one of these");
        assertThatThrownBy(() -> ImageFiles.decode("RIFF\4\0\0\0WAVE".getBytes(ISO_8859_1), "it"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("not a WebP image");
    }

    @Test
    void rejectsCorruptPngDataByItsChecksum() {
        byte[] png = Samples.bytes("type2_depth8_rows.png");
        png[png.length - 20] ^= 1;
        assertThatThrownBy(() -> ImageFiles.decode(png, "it")).isInstanceOf(InputException.class).hasMessageContaining("checksum");
    }

    @Test
    void rejectsAPngThatClaimsMoreThanItsDataCanHold() {
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        png.writeBytes(Png.SIGNATURE.getBytes(ISO_8859_1));
        Png.write(png, "IHDR", new byte[] {0, 0, 0x20, 0, 0, 0, 0x20, 0, 16, 6, 0, 0, 0});
        Png.write(png, "IDAT", new byte[1000]);
        Png.write(png, "IEND", new byte[0]);
        assertThatThrownBy(() -> ImageFiles.decode(png.toByteArray(), "it"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is truncated");
    }

    @Test
    void neverThrowsAnythingButInputException() {
        Random random = new Random(7);
        List<byte[]> samples = names().map(Samples::bytes).toList();
        int rejected = 0;
        for (int i = 0; i < 12_000; i++) {
            byte[] bytes = mutate(samples.get(i % samples.size()), random);
            try {
                Pixels image = ImageFiles.decode(bytes, "it", 1 << 18);
                assertThat(image.rgb()).hasSizeLessThanOrEqualTo(3 << 18);
            } catch (InputException e) {
                assertThat(e.getMessage()).startsWith("it ").contains("; ").doesNotContain("\n");
                rejected++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("mutation " + i, e);
            }
        }
        assertThat(rejected).isGreaterThan(3000);
    }

    private static byte[] mutate(byte[] sample, Random random) {
        byte[] bytes = random.nextInt(4) == 0 ? Arrays.copyOf(sample, random.nextInt(sample.length) + 1) : sample.clone();
        int changes = 1 + random.nextInt(6);
        for (int i = 0; i < changes; i++) {
            // Half of the changes hit the headers, where they hurt most.
            int at = random.nextInt(random.nextBoolean() ? Math.min(64, bytes.length) : bytes.length);
            bytes[at] = (byte) switch (random.nextInt(4)) {
                case 0 -> 0xFF;
                case 1 -> 0;
                case 2 -> bytes[at] ^ 1 << random.nextInt(8);
                default -> random.nextInt(256);
            };
        }
        if (bytes.length > 33 && bytes[1] == 'P' && random.nextInt(4) > 0) {
            mendChecksums(bytes);
        }
        return bytes;
    }

    /** Otherwise no mutation would get past the checksums of a PNG. */
    private static void mendChecksums(byte[] png) {
        ByteCursor cursor = new ByteCursor(png);
        try {
            cursor.skip(8);
            while (cursor.remaining() > 0) {
                Png.Chunk chunk = Png.next(cursor);
                ByteArrayOutputStream mended = new ByteArrayOutputStream();
                Png.write(mended, chunk.type(), Arrays.copyOfRange(png, chunk.offset(), chunk.offset() + chunk.length()));
                System.arraycopy(mended.toByteArray(), 0, png, chunk.offset() - 8, mended.size());
            }
        } catch (BadImage e) {
            // The framing itself was hit: leave the rest as it is.
        }
    }
}
