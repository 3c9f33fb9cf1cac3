package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.image.ImageFiles;
import org.xomni.image.PngText;
import org.xomni.image.TokensFile;

/** What options of {@code generate} and {@code detokenize} change, and what they leave. */
class GenerateOptionsTest {
    private static final String FIXTURE = "tiny-en";
    private static final String PROMPT = "a sign";

    @TempDir
    Path folder;

    private Path file(String name) {
        return folder.resolve(name);
    }

    private static void succeed(String command, String argument, String... options) {
        List<String> args = new ArrayList<>(List.of(command, argument, "--model", Cli.model(FIXTURE), "--dtype", "float32"));
        args.addAll(Arrays.asList(options));
        Cli cli = Cli.run(args.toArray(String[]::new));
        assertThat(cli.exitCode()).as(cli.err()).isZero();
        assertThat(cli.out()).isEmpty();
    }

    /** Draws 64x96 pixels and returns the tokens. */
    private List<TokensFile.Entry> generate(String name, String... options) {
        List<String> all = new ArrayList<>(List.of("--size", "64x96", "-o", file(name + ".png").toString(), "--tokens-out", file(name + ".json").toString()));
        all.addAll(Arrays.asList(options));
        succeed("generate", PROMPT, all.toArray(String[]::new));
        return TokensFile.read(file(name + ".json"));
    }

    @Test
    void severalImagesAreThoseOfTheirSeeds() {
        List<TokensFile.Entry> all = generate("all", "-n", "3", "--seed", "7");

        assertThat(all).extracting(TokensFile.Entry::seed).containsExactly(7L, 8L, 9L);
        assertThat(all).extracting(TokensFile.Entry::tokens).doesNotHaveDuplicates();
        for (int i = 0; i < 3; i++) {
            assertThat(generate("one", "--seed", Integer.toString(7 + i))).containsExactly(all.get(i));
            Cli.assertSameButForRounding(ImageFiles.read(file("all-" + (i + 1) + ".png")), ImageFiles.read(file("one.png")));
        }
        assertThat(file("all.png")).doesNotExist();
    }

    @Test
    void aListOfTokensBecomesTheImagesThatWereDrawn() {
        generate("all", "-n", "2");

        succeed("detokenize", file("all.json").toString(), "-o", file("again.png").toString());

        for (String i : List.of("1", "2")) {
            Cli.assertSameButForRounding(ImageFiles.read(file("again-" + i + ".png")), ImageFiles.read(file("all-" + i + ".png")));
            assertThat(PngText.read(file("again-" + i + ".png"))).containsEntry("prompt", PROMPT);
        }
    }

    /** An image that is one tile is decoded in one piece; parts that load and unload compute the same. */
    @ParameterizedTest
    @ValueSource(strings = {"--tiled", "--offload", "--threads=1"})
    void whatNeedsLessOfTheMachineDrawsTheSame(String option) {
        List<TokensFile.Entry> plain = generate("plain");
        assertThat(generate("same", option)).isEqualTo(plain);
        Cli.assertSameButForRounding(ImageFiles.read(file("same.png")), ImageFiles.read(file("plain.png")));
    }

    @Test
    void eightBitsDrawAnImageAndTheSameAgain() {
        List<TokensFile.Entry> once = generate("once", "--quantize", "int8");
        assertThat(generate("again", "--quantize", "int8")).isEqualTo(once);
        assertThat(file("again.png")).hasSameBinaryContentAs(file("once.png"));
        assertThat(ImageFiles.read(file("once.png")).width()).isEqualTo(96);
    }

    @Test
    void stepsAndGuidanceOfTheDecoderChangePixelsOnly() {
        List<TokensFile.Entry> plain = generate("plain");
        for (String option : List.of("--steps=2", "--decoder-cfg=3")) {
            assertThat(generate("other", option)).isEqualTo(plain);
            assertThat(ImageFiles.read(file("other.png"))).isNotEqualTo(ImageFiles.read(file("plain.png")));
        }
    }
}
