package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tokenizer.ImageTokenizer;

class TokenShardsTest {
    private static final Map<String, String> ABOUT = Map.of("seed", "1");

    @TempDir
    Path folder;

    /** Of two sizes after resizing; 3 is broken, 5 is too narrow for the checkpoint. */
    private static Sample sample(long i) throws BrokenSample {
        if (i == 3) {
            throw new BrokenSample("number 3");
        }
        if (i == 4) {
            return new Sample.Dialogue("4", List.of(Turn.of(Role.USER, "Hi"), Turn.of(Role.ASSISTANT, "Hello")));
        }
        Picture picture = i == 5 ? new Picture.Raw(new Pixels(64, 2000)) : picture(i, i % 2 == 0 ? 64 : 96);
        return i % 3 == 0
                ? new Sample.Generation("" + i, "sign " + i, picture)
                : new Sample.Dialogue("" + i, List.of(
                        new Turn(Role.USER, List.of(new Part.Shown(picture), new Part.Shown(picture(-i, 64)), new Part.Said("?"))),
                        Turn.of(Role.ASSISTANT, "!")));
    }

    private static Picture picture(long seed, int width) {
        Pixels pixels = new Pixels(64, width);
        for (int i = 0; i < pixels.rgb().length; i++) {
            pixels.rgb()[i] = (byte) Seeds.mix(seed, i / 24);
        }
        return new Picture.Raw(pixels);
    }

    @Test
    void tokensAreThoseOfThePicturesOneByOne() throws Exception {
        try (ImageTokenizer tokenizer = ImageTokenizer.load(SequenceEncoderTest.MODEL, Numerics.cpu(DType.FLOAT32))) {
            new TokenShardsWriter(tokenizer, 3, 2).write(folder, TokenShardsTest::sample, 14, 4, ABOUT, done -> {});
            List<Sample> expected = new ArrayList<>();
            for (long i = 0; i < 14; i++) {
                if (i != 3 && i != 5) {
                    Sample sample = sample(i);
                    List<Picture> tokens = new ArrayList<>();
                    sample.pictures().forEach(p -> tokens.add(new Picture.Tokenised(tokenizer.encode(((Picture.Raw) p).pixels()))));
                    expected.add(sample.withPictures(tokens));
                }
            }
            assertThat(expected.getFirst().pictures()).isNotEqualTo(expected.get(4).pictures());
            try (TokenShards shards = new TokenShards(folder)) {
                List<Sample> read = new ArrayList<>();
                for (long i = 0; i < shards.size(); i++) {
                    read.add(shards.record(i));
                }
                assertThat(read).isEqualTo(expected);
                assertThat(shards.record(11)).isEqualTo(expected.get(11));
                assertThat(shards.record(2)).isEqualTo(expected.get(2));
            }
            resumes(tokenizer);
        }
    }

    private void resumes(ImageTokenizer tokenizer) throws Exception {
        Path second = folder.resolve("000001.jsonl");
        byte[] whole = Files.readAllBytes(second);
        Files.delete(second);
        assertThatThrownBy(() -> new TokenShards(folder)).isInstanceOf(InputException.class)
                .hasMessageContaining("000001.jsonl is missing");
        TokenShardsWriter writer = new TokenShardsWriter(tokenizer, 3, 1);
        assertThatThrownBy(() -> writer.write(folder, TokenShardsTest::sample, 15, 4, ABOUT, done -> {}))
                .isInstanceOf(InputException.class).hasMessageContaining("other settings");
        writer.write(folder, TokenShardsTest::sample, 14, 4, ABOUT, done -> {});
        assertThat(second).hasBinaryContent(whole);
    }

    @Test
    void linesThatAreDamagedBreakOneRecord() throws Exception {
        Files.writeString(folder.resolve("about.json"), """
                {"format": 1, "kind": "tokens", "samples": 9, "samples_per_shard": 3, "about": {}}""");
        Files.writeString(folder.resolve("000000.jsonl"), "");
        Files.writeString(folder.resolve("000001.jsonl"), """
                {"key": "a", "prompt": "p", "picture": {"height": 1, "width": 2, "tokens": [3, 4]}}
                {"key": "b", "prompt": "p", "picture": {"height": 1, "width": 2, "tokens": [3]}}
                {"key": "c", "prompt": "p", "picture": {"height": 1, "width": 2, "tokens": [3, "x"]}}
                """);
        Files.writeString(folder.resolve("000002.jsonl"), "");
        try (TokenShards shards = new TokenShards(folder)) {
            assertThat(shards.size()).isEqualTo(3);
            assertThat(shards.record(0)).isEqualTo(
                    new Sample.Generation("a", "p", new Picture.Tokenised(new ImageTokens(1, 2, new int[] {3, 4}))));
            assertThatThrownBy(() -> shards.record(1)).isInstanceOf(BrokenSample.class).hasMessageStartingWith("000001.jsonl/2");
            assertThatThrownBy(() -> shards.record(2)).isInstanceOf(BrokenSample.class).hasMessageStartingWith("000001.jsonl/3");
        }
    }

    @Test
    void anotherKindOfFolderIsRefused() throws Exception {
        assertThatThrownBy(() -> new TokenShards(folder)).isInstanceOf(InputException.class).hasMessageContaining("no about.json");
        Files.writeString(folder.resolve("about.json"), """
                {"format": 1, "kind": "pictures", "samples": 9, "samples_per_shard": 3}""");
        assertThatThrownBy(() -> new TokenShards(folder)).isInstanceOf(InputException.class).hasMessageContaining("expected tokens");
    }
}
