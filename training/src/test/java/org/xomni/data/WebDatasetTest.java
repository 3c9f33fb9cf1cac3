package org.xomni.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.tensor.InputException;

class WebDatasetTest {
    private static final Pixels PIXELS = new Pixels(3, 5, new byte[] {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
        31, 32, 33, 34, 35, 36, 37, 38, 39, -40, 41, 42, 43, 44, 45
    });
    private static final byte[] PNG = PngWriter.encode(PIXELS, Map.of());

    @TempDir
    Path folder;

    @Test
    void whatIsWrittenIsReadAgain() throws Exception {
        List<Long> done = new ArrayList<>();
        WebDatasetWriter.write(folder, WebDatasetTest::sample, 25, 10, Map.of("seed", "3"), 2, done::add);
        assertThat(done).containsExactly(10L, 20L, 25L);
        try (WebDataset records = WebDataset.in(folder)) {
            List<Sample> read = new ArrayList<>();
            for (long i = 0; i < records.size(); i++) {
                read.add(records.record(i));
            }
            List<Sample> expected = new ArrayList<>();
            for (long i = 0; i < 25; i++) {
                if (i % 7 != 0) {
                    expected.add(sample(i));
                }
            }
            assertThat(read).isEqualTo(expected);
        }
    }

    @Test
    void writingGoesOnWithTheShardsThatAreMissing() throws Exception {
        WebDatasetWriter.write(folder, WebDatasetTest::sample, 25, 10, Map.of("seed", "3"), 1, done -> {});
        byte[] second = Files.readAllBytes(folder.resolve("000001.tar"));
        Files.delete(folder.resolve("000001.tar"));
        Path first = folder.resolve("000000.tar");
        Files.write(first, new byte[1024]);
        Files.write(folder.resolve("000001.tar.00000000-0000-0000-0000-000000000000.tmp"), new byte[7]);
        WebDatasetWriter.write(folder, WebDatasetTest::sample, 25, 10, Map.of("seed", "3"), 2, done -> {});
        assertThat(folder.resolve("000001.tar")).hasBinaryContent(second);
        assertThat(first).as("what is there stays").hasSize(1024);
        assertThatThrownBy(() -> WebDatasetWriter.write(folder, WebDatasetTest::sample, 25, 10, Map.of("seed", "4"), 2, done -> {}))
                .isInstanceOf(InputException.class).hasMessageContaining("other settings");
        try (var files = Files.list(folder)) {
            assertThat(files.map(f -> f.getFileName().toString()).sorted())
                    .containsExactly("000000.tar", "000001.tar", "000002.tar", "about.json");
        }
    }

    @Test
    void aFailureLeavesNoShardBehind() {
        SampleSource failing = i -> {
            if (i == 12) {
                throw new IllegalStateException("out of luck");
            }
            return sample(i + 1);
        };
        assertThatThrownBy(() -> WebDatasetWriter.write(folder, failing, 25, 10, Map.of(), 2, done -> {})).hasMessage("out of luck");
        assertThat(folder).isDirectoryContaining(f -> f.endsWith("000000.tar"))
                .isDirectoryNotContaining(f -> !f.toString().matches(".*(000000.tar|about.json)"));
    }

    @Test
    void captionsOfOtherSourcesAreRead() throws Exception {
        String deep = "x".repeat(90) + "/" + "y".repeat(90);
        Tar tar = new Tar()
                .file("a/1.jpg", new byte[0])
                .file("a/1.png", PNG)
                .file("a/1.cls", "7".getBytes(UTF_8))
                .entry("folder/", '5', new byte[0])
                .pax("path", deep + "/größe.png").file("short.png", PNG)
                .pax("path", deep + "/größe.txt").file("short.txt", "a pax name\n".getBytes(UTF_8))
                .longName(deep + "/z.PNG").file("short.png", PNG)
                .longName(deep + "/z.json").file("short.json", "{\"caption\": \"a GNU name\"}".getBytes(UTF_8))
                .file("b.png", PNG)
                .file("b.txt", "text first".getBytes(UTF_8))
                .file("b.json", "{\"url\": \"elsewhere\"}".getBytes(UTF_8))
                .file("c.png", PNG)
                .file("c.json", """
                        {"conversations": [{"from": "human", "value": "<image>\\nWhat?"},
                                           {"from": "gpt", "value": "A sign."}]}""".getBytes(UTF_8));
        try (WebDataset records = open(tar.end())) {
            assertThat(records.size()).isEqualTo(5);
            assertThatThrownBy(() -> records.record(0)).isInstanceOf(BrokenSample.class)
                    .hasMessageContaining("shard.tar/a/1 has neither .txt nor .json");
            assertThat(records.record(1)).isEqualTo(caption("shard.tar/" + deep + "/größe", "a pax name"));
            assertThat(records.record(2)).isEqualTo(caption("shard.tar/" + deep + "/z", "a GNU name"));
            assertThat(records.record(3)).isEqualTo(caption("shard.tar/b", "text first"));
            assertThat(records.record(4).pictures()).containsExactly(new Picture.Raw(PIXELS));
            assertThat(records.record(4)).isInstanceOf(Sample.Dialogue.class);
        }
    }

    /** LLaVA's records name files of the folder that they were made from. */
    @Test
    void picturesThatAreNamedByOtherPathsAreThoseBeside() throws Exception {
        String turns = "\"conversations\": [{\"from\": \"human\", \"value\": \"<image>\\nWhat?\"}, {\"from\": \"gpt\", \"value\": \"A sign.\"}]";
        Tar tar = new Tar()
                .file("a.png", PNG).file("a.json", ("{\"image\": \"coco/a.jpg\", " + turns + "}").getBytes(UTF_8))
                .file("b.png", PNG).file("b.json", ("{\"image\": [\"x.jpg\"], " + turns + "}").getBytes(UTF_8))
                .file("c.png", PNG).file("c.json", ("{\"image\": [\"x.jpg\", \"y.jpg\"], " + turns + "}").getBytes(UTF_8));
        try (WebDataset records = open(tar.end())) {
            assertThat(records.record(0).pictures()).containsExactly(new Picture.Raw(PIXELS));
            assertThat(records.record(1).pictures()).containsExactly(new Picture.Raw(PIXELS));
            assertThatThrownBy(() -> records.record(2)).isInstanceOf(BrokenSample.class).hasMessageContaining("refers to 'x.jpg' and has only");
        }
    }

    @Test
    void aBrokenPictureBreaksItsSampleOnly() throws Exception {
        Tar tar = new Tar().file("a.png", new byte[] {1, 2, 3}).file("a.txt", "x".getBytes(UTF_8)).file("b.txt", "y".getBytes(UTF_8))
                .file("c.png", PNG).file("c.json", "{".getBytes(UTF_8)).file("d.png", PNG).file("d.txt", "z".getBytes(UTF_8));
        try (WebDataset records = open(tar.end())) {
            assertThatThrownBy(() -> records.record(0)).isInstanceOf(BrokenSample.class).hasMessageContaining("shard.tar/a.png");
            assertThatThrownBy(() -> records.record(1)).isInstanceOf(BrokenSample.class).hasMessageContaining("shard.tar/b has 0 pictures");
            assertThatThrownBy(() -> records.record(2)).isInstanceOf(BrokenSample.class)
                    .hasMessageContaining("shard.tar/c is not valid JSON");
            assertThat(records.record(3)).isEqualTo(caption("shard.tar/d", "z"));
        }
    }

    @Test
    void aDamagedShardIsNamedWithTheByte() throws Exception {
        byte[] good = new Tar().file("a.txt", new byte[600]).file("b.txt", new byte[600]).end();
        byte[] flipped = good.clone();
        flipped[1536 + 3] ^= 1;
        assertThatThrownBy(() -> open(flipped)).isInstanceOf(InputException.class)
                .hasMessageContaining("shard.tar is damaged at byte 1536").hasMessageContaining("checksum");
        assertThatThrownBy(() -> open(Arrays.copyOf(good, 2200))).isInstanceOf(InputException.class)
                .hasMessageContaining("damaged at byte 1536").hasMessageContaining("600 bytes, but only 152");
        assertThatThrownBy(() -> open(Arrays.copyOf(good, 1800))).isInstanceOf(InputException.class)
                .hasMessageContaining("damaged at byte 1536: it ends within a header");
        assertThatThrownBy(() -> open(new Tar().pax("path", "x\ny").entryOf("bad 5 path".getBytes(UTF_8), 'x').end()))
                .isInstanceOf(InputException.class).hasMessageContaining("extended header");
        assertThatThrownBy(() -> open(new byte[] {0x1F, (byte) 0x8B, 8})).isInstanceOf(InputException.class).hasMessageContaining("gunzip");
        assertThatThrownBy(() -> WebDataset.in(folder.resolve("none"))).isInstanceOf(InputException.class);
        Files.delete(folder.resolve("shard.tar"));
        assertThatThrownBy(() -> WebDataset.in(folder)).isInstanceOf(InputException.class).hasMessageContaining("no .tar files");
    }

    private static Sample caption(String key, String text) {
        return new Sample.Generation(key, text, new Picture.Raw(PIXELS));
    }

    /** Of all kinds; text that would not survive other formats; each seventh broken. */
    private static Sample sample(long i) throws BrokenSample {
        if (i % 7 == 0) {
            throw new BrokenSample("number " + i);
        }
        Picture picture = new Picture.Raw(new Pixels(2 + (int) i, 3));
        return switch ((int) (i % 3)) {
            case 0 -> new Sample.Generation("key " + i, " a sign \"<image>\"\n", picture);
            case 1 -> new Sample.Dialogue("key/" + i, List.of(
                    Turn.of(Role.SYSTEM, ""),
                    new Turn(Role.USER, List.of(
                            new Part.Shown(picture), new Part.Said("\nWhat is <image>?"), new Part.Shown(new Picture.Raw(PIXELS)))),
                    Turn.of(Role.ASSISTANT, "größer 🦊")));
            default -> new Sample.Dialogue("key/" + i, List.of(
                    Turn.of(Role.USER, "Draw."), new Turn(Role.ASSISTANT, List.of(new Part.Shown(picture)))));
        };
    }

    private WebDataset open(byte[] tar) throws IOException {
        return new WebDataset(List.of(Files.write(folder.resolve("shard.tar"), tar)));
    }

    /** Writes tars as other programs do. */
    private static final class Tar {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Tar file(String name, byte[] data) {
            return entry(name, '0', data);
        }

        Tar pax(String key, String value) {
            String record = " " + key + "=" + value + "\n";
            int bytes = record.getBytes(UTF_8).length;
            int length = bytes + Integer.toString(bytes + 3).length();
            return entryOf((length + record).getBytes(UTF_8), 'x');
        }

        Tar longName(String name) {
            return entryOf((name + "\0").getBytes(UTF_8), 'L');
        }

        Tar entryOf(byte[] data, char type) {
            return entry("././@extra", type, data);
        }

        Tar entry(String name, char type, byte[] data) {
            byte[] header = new byte[512];
            put(header, 0, name);
            put(header, 100, "0000644\0");
            put(header, 124, String.format(Locale.ROOT, "%011o ", data.length));
            put(header, 148, "        ");
            header[156] = (byte) type;
            put(header, 257, "ustar  ");
            int sum = 0;
            for (byte b : header) {
                sum += b & 0xFF;
            }
            put(header, 148, String.format(Locale.ROOT, "%06o\0", sum));
            out.writeBytes(header);
            out.writeBytes(data);
            out.writeBytes(new byte[Math.floorMod(-data.length, 512)]);
            return this;
        }

        byte[] end() {
            out.writeBytes(new byte[1024]);
            return out.toByteArray();
        }

        private static void put(byte[] header, int at, String text) {
            byte[] bytes = text.getBytes(UTF_8);
            System.arraycopy(bytes, 0, header, at, bytes.length);
        }
    }
}
