package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.image.ImageFiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.image.PngText;
import org.xomni.image.TokensFile;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** What the reference computed, through the command line. */
class GoldenCommandsTest {
    @TempDir
    Path folder;

    private static JsonNode golden(String fixture, String runs) {
        JsonNode golden = Json.readObject(Cli.fixture(fixture).resolve("golden/golden.json")).get(runs);
        assertThat(golden).isNotEmpty();
        return golden;
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void generateReproducesTokensAndImages(String fixture) {
        for (JsonNode run : golden(fixture, "generate")) {
            Path png = folder.resolve("out.png");
            Path json = folder.resolve("out.json");
            List<String> args = new ArrayList<>(List.of("generate", run.get("prompt").stringValue(), "--model", Cli.model(fixture)));
            args.addAll(List.of("--dtype", "float32", "--size", run.get("size").get(0) + "x" + run.get("size").get(1)));
            args.addAll(List.of("--seed", run.get("seed").toString(), "-o", png.toString(), "--tokens-out", json.toString()));
            for (String option : List.of("cfg", "temperature", "top_p", "min_p")) {
                if (run.has(option)) {
                    args.addAll(List.of("--" + option.replace('_', '-'), run.get(option).toString()));
                }
            }

            Cli result = Cli.run(args.toArray(String[]::new));

            assertThat(result.exitCode()).as(result.err()).isZero();
            assertThat(result.out()).isEmpty();
            TokensFile.Entry entry = TokensFile.read(json).getFirst();
            assertThat(entry.tokens()).isEqualTo(tokens(run));
            assertThat(entry.prompt()).isEqualTo(run.get("prompt").stringValue());
            assertImagesEqual(ImageFiles.read(png), fixture, run);
            assertThat(PngText.read(png)).containsEntry("prompt", run.get("prompt").stringValue()).containsEntry("seed", run.get("seed").toString());
            assertThat(Json.mapper().readTree(PngText.read(png).get("parameters")).get("top_k").intValue()).isEqualTo(50);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void detokenizeReproducesImages(String fixture) {
        for (JsonNode run : golden(fixture, "detokenize")) {
            Path png = folder.resolve("out.png");
            Path json = folder.resolve("in.json");
            TokensFile.write(json, List.of(new TokensFile.Entry(tokens(run))));

            Cli result = Cli.run("detokenize", json.toString(), "--prompt", run.get("prompt").stringValue(), "--seed", run.get("seed").toString(),
                    "--dtype", "float32", "--model", Cli.model(fixture), "-o", png.toString());

            assertThat(result.exitCode()).as(result.err()).isZero();
            assertImagesEqual(ImageFiles.read(png), fixture, run);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void chatReproducesAnswers(String fixture) {
        for (JsonNode run : golden(fixture, "chat")) {
            Cli result = Cli.run("chat", run.get("prompt").stringValue(), "--image", Cli.fixture(fixture).resolve("golden/" + run.get("file").stringValue()).toString(),
                    "--max-tokens", run.get("max_new_tokens").toString(), "--json", "--dtype", "float32", "--model", Cli.model(fixture));

            assertThat(result.exitCode()).as(result.err()).isZero();
            JsonNode answer = Json.mapper().readTree(result.out());
            assertThat(answer.get("text").stringValue()).isEqualTo(run.get("text").stringValue());
            assertThat(answer.get("tokens")).isEqualTo(run.get("output_ids"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny-en", "tiny-zh"})
    void tokenizeReproducesTokensAndRejections(String fixture) {
        for (JsonNode run : golden(fixture, "images")) {
            Cli result = Cli.run("tokenize", Cli.fixture(fixture).resolve("golden/" + run.get("file").stringValue()).toString(), "--json",
                    "--dtype", "float32", "--model", Cli.model(fixture));

            if (run.get("accepted").booleanValue()) {
                assertThat(result.exitCode()).as(result.err()).isZero();
                assertThat(TokensFile.parse(result.out(), "stdout").getFirst().tokens()).isEqualTo(tokens(run));
            } else {
                assertThat(result.exitCode()).isEqualTo(2);
                assertThat(result.err().lines()).hasSize(1);
            }
        }
    }

    private static ImageTokens tokens(JsonNode run) {
        List<Integer> ids = new ArrayList<>();
        run.get("tokens").forEach(id -> ids.add(id.intValue()));
        return new ImageTokens(run.get("grid").get(0).intValue(), run.get("grid").get(1).intValue(), ids.stream().mapToInt(i -> i).toArray());
    }

    private static void assertImagesEqual(Pixels actual, String fixture, JsonNode run) {
        Cli.assertSameButForRounding(actual, ImageFiles.read(Cli.fixture(fixture).resolve("golden/" + run.get("image").stringValue())));
    }
}
