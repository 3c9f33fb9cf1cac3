package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.TokenShards;
import org.xomni.data.WebDataset;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.image.Pixels;

class DataCommandTest {
    @TempDir
    Path folder;

    @Test
    void signsBecomeShardsAndTokens() throws Exception {
        Path pictures = folder.resolve("pictures");
        Cli signs = Cli.run("data", "signs", "--count", "7", "--seed", "5", "--per-shard", "4", "--split", "held-out",
                "--tasks", "generation=1,questions=2", "--sizes", "96x96", "-o", pictures.toString());
        assertThat(signs.exitCode()).as(signs.err()).isZero();
        SignsWorld world = new SignsWorld(5, Split.HELD_OUT, new SignsWorld.Tasks(1, 0, 2, 0, 0), List.of(new SignsWorld.Size(96, 96)));
        try (WebDataset records = WebDataset.in(pictures)) {
            assertThat(records.size()).isEqualTo(7);
            for (long i = 0; i < 7; i++) {
                assertThat(records.record(i)).isEqualTo(world.sample(i));
            }
        }
        Path tokens = folder.resolve("tokens");
        Cli tokenised = Cli.run("data", "tokenize", pictures.toString(), "-o", tokens.toString(), "--model", Cli.model("tiny-en"));
        assertThat(tokenised.exitCode()).as(tokenised.err()).isZero();
        Path direct = folder.resolve("direct");
        Cli straight = Cli.run("data", "tokenize", "signs", "--count", "7", "--seed", "5", "--split", "held-out", "--tasks",
                "generation=1,questions=2", "--sizes", "96x96", "-o", direct.toString(), "--model", Cli.model("tiny-en"));
        assertThat(straight.exitCode()).as(straight.err()).isZero();
        assertThat(read(tokens)).hasSize(7).isEqualTo(read(direct));
        assertThat(Files.readString(tokens.resolve("about.json"))).contains("\"codebook\":\"256\"");
        Cli other = Cli.run("data", "tokenize", pictures.toString(), "-o", tokens.toString(), "--model", Cli.model("tiny-zh"));
        assertThat(other.exitCode()).isEqualTo(2);
        assertThat(other.err()).contains("was begun with other settings");
    }

    @Test
    void picturesThatAreTooSmallAreLeftOutAndCounted() throws Exception {
        Path pictures = folder.resolve("pictures");
        Cli signs = Cli.run("data", "signs", "--count", "6", "--seed", "5", "--tasks", "generation=1", "--sizes", "96x96,128x128", "-o", pictures.toString());
        assertThat(signs.exitCode()).as(signs.err()).isZero();
        long large;
        try (WebDataset records = WebDataset.in(pictures)) {
            List<Sample> all = new ArrayList<>();
            for (long i = 0; i < 6; i++) {
                all.add(records.record(i));
            }
            large = all.stream().filter(sample -> sample.pictures().getFirst() instanceof Picture.Raw(Pixels p) && p.height() == 128).count();
        }
        assertThat(large).isBetween(1L, 5L);
        Path tokens = folder.resolve("tokens");

        Cli cli = Cli.run("data", "tokenize", pictures.toString(), "--min-short-side", "100", "-o", tokens.toString(), "--model", Cli.model("tiny-en"));

        assertThat(cli.exitCode()).as(cli.err()).isZero();
        assertThat(cli.err()).contains("6 samples were looked at, " + (6 - large) + " of those");
        assertThat(read(tokens)).hasSize((int) large);
        Cli unfiltered = Cli.run("data", "tokenize", pictures.toString(), "-o", tokens.toString(), "--model", Cli.model("tiny-en"));
        assertThat(unfiltered.err()).contains("was begun with other settings");
    }

    @Test
    void badUsageIsOneLine() throws Exception {
        assertRefused("see xomni data --help", "data");
        assertRefused("see xomni data signs --help", "data", "signs");
        assertRefused("--split 'test' is not known", "data", "signs", "--count", "1", "--split", "test", "-o", folder.toString());
        assertRefused("--tasks 'poems' is not known", "data", "signs", "--count", "1", "--tasks", "poems=1", "-o", folder.toString());
        assertRefused("is not HEIGHTxWIDTH", "data", "signs", "--count", "1", "--sizes", "96", "-o", folder.toString());
        assertRefused("0 samples", "data", "signs", "--count", "0", "-o", folder.toString());
        assertRefused("signs never end", "data", "tokenize", "signs", "-o", folder.toString(), "--model", Cli.model("tiny-en"));
        assertRefused("neither a folder of .tar shards", "data", "tokenize", "pictures.zip", "-o", folder.toString());
        assertRefused("none.jsonl does not exist", "data", "tokenize", "none.jsonl", "-o", folder.toString());
        assertRefused("-o names no folder", "data", "signs", "--count", "1", "-o", "");
        assertRefused("as many as there are cores do", "data", "signs", "--count", "1", "--readers", "100000", "-o", folder.toString());
        assertThat(folder).isEmptyDirectory();
        Path file = Files.createFile(folder.resolve("file"));
        assertRefused("file is a file; name a folder", "data", "signs", "--count", "1", "-o", file.toString());
        assertRefused("file is a file; name a folder", "data", "signs", "--count", "1", "-o", file.resolve("shards").toString());
        Path empty = Files.createFile(folder.resolve("empty.jsonl"));
        assertRefused("holds no samples", "data", "tokenize", empty.toString(), "-o", folder.resolve("tokens").toString());
        assertThat(folder.resolve("tokens")).doesNotExist();
    }

    @Test
    void nothingUsableIsAFailure() throws Exception {
        Path list = Files.writeString(folder.resolve("list.jsonl"), "{\"image\": \"none.png\", \"text\": \"a sign\"}\n");
        Cli run = Cli.run("data", "tokenize", list.toString(), "-o", folder.resolve("tokens").toString(), "--model", Cli.model("tiny-en"));
        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains("none of the 1 samples could be used");
    }

    private static void assertRefused(String message, String... args) {
        Cli run = Cli.run(args);
        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).hasLineCount(1).contains(message);
    }

    private static List<Sample> read(Path folder) throws Exception {
        List<Sample> samples = new ArrayList<>();
        try (TokenShards shards = new TokenShards(folder)) {
            for (long i = 0; i < shards.size(); i++) {
                samples.add(shards.record(i));
            }
        }
        return samples;
    }
}
