package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.Checkpoint;
import org.xomni.image.PngText;
import org.xomni.image.TokensFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;

/** Checkpoints that differ from the fixtures in what a checkpoint may leave out or say differently, and prompts that look like something else. */
class VariedCheckpointsTest {
    private static final String FIXTURE = "tiny-en";

    @TempDir
    Path folder;

    private Path model;

    @BeforeEach
    void copy() throws IOException {
        model = folder.resolve("model");
        Cli.copy(Cli.fixture(FIXTURE).resolve("model"), model);
        Cli.copy(Cli.fixture(FIXTURE).resolve("flux"), model.resolve("flux"));
    }

    private void edit(String file, String regex, String to) throws IOException {
        String json = Files.readString(model.resolve(file));
        String edited = json.replaceFirst(regex, to);
        assertThat(edited).isNotEqualTo(json);
        Files.writeString(model.resolve(file), edited);
    }

    private List<TokensFile.Entry> drawn(String name) {
        Path tokens = folder.resolve(name + ".json");
        Cli cli = Cli.run("generate", "a sign", "--size", "64x64", "--dtype", "float32", "--model", model.toString(),
                "-o", folder.resolve(name + ".png").toString(), "--tokens-out", tokens.toString());
        assertThat(cli.exitCode()).as(cli.err()).isZero();
        return TokensFile.read(tokens);
    }

    @Test
    void keysThatAreLeftOutAreAsInTheReference() throws IOException {
        List<TokensFile.Entry> before = drawn("before");
        edit("config.json", "\"mm_special_tokens\": \\[[^]]*],", "");
        edit("config.json", "\"max_aspect_ratio\": 3.0,", "");
        edit("config.json", "\"patch_size\": 16,\\s*\"random_ratio\"", "\"random_ratio\"");
        edit("decoder/config.json", "\"siglip_channels\": \\d+", "\"siglip_channels\": null");
        assertThat(drawn("after")).isEqualTo(before);
        assertThat(folder.resolve("after.png")).hasSameBinaryContentAs(folder.resolve("before.png"));
        Cli inspected = Cli.run("inspect", model.toString());
        assertThat(inspected.exitCode()).as(inspected.out()).isZero();
    }

    @Test
    void imageTokensElsewhereThanTheModelHasThemAreRefused() throws IOException {
        String json = Files.readString(model.resolve("tokenizer.json"));
        Files.writeString(model.resolve("tokenizer.json"), json.replace("<MM-Token-0>", "<SWAP>").replace("<MM-Token-1>", "<MM-Token-0>").replace("<SWAP>", "<MM-Token-1>"));
        Cli cli = Cli.run("generate", "a sign", "--size", "64x64", "--model", model.toString(), "-o", folder.resolve("o.png").toString());
        assertThat(cli.exitCode()).isEqualTo(2);
        assertThat(cli.err()).contains("<MM-Token-0> has the id 513, expected vocab_size 512");
    }

    @Test
    void tokenizeNeedsNoLanguageModel() throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.filter(f -> f.getFileName().toString().startsWith("model")).toList()) {
                Files.delete(file);
            }
        }
        JsonNode all = Json.mapper().readTree(Files.readString(Cli.fixture(FIXTURE).resolve("golden/golden.json"))).get("images");
        JsonNode golden = all.valueStream().filter(image -> image.get("accepted").booleanValue()).findFirst().orElseThrow();
        Cli cli = Cli.run("tokenize", Cli.fixture(FIXTURE).resolve("golden").resolve(golden.get("file").stringValue()).toString(), "--json",
                "--model", model.toString());
        assertThat(cli.exitCode()).as(cli.err()).isZero();
        assertThat(Json.mapper().readTree(cli.out()).get("tokens")).isEqualTo(golden.get("tokens"));
    }

    @Test
    void theVisionPartsHaveATypeOfTheirOwn() throws IOException {
        edit("config.json", "\"dtype\": \"float32\"", "\"dtype\": \"torch.bfloat16\"");
        assertThat(Checkpoint.read(model, null).visionDType()).isEqualTo(DType.BFLOAT16);
        assertThat(Checkpoint.read(model, null).storedDType()).isEqualTo(DType.FLOAT32);
        edit("config.json", "\"dtype\": \"torch.bfloat16\",", "");
        assertThat(Checkpoint.read(model, null).visionDType()).isEqualTo(DType.FLOAT32);
    }

    /** The default length of an answer is no demand. */
    @Test
    void aShortContextAnswersShortly() throws IOException {
        edit("config.json", "\"max_position_embeddings\": 8192", "\"max_position_embeddings\": 64");
        Cli cli = Cli.run("chat", "hi", "--json", "--model", model.toString());
        assertThat(cli.exitCode()).as(cli.err()).isZero();
        assertThat(Json.mapper().readTree(cli.out()).get("tokens").size()).isBetween(1, 64);
        Cli asked = Cli.run("chat", "hi", "--json", "--max-tokens", "64", "--model", model.toString());
        assertThat(asked.exitCode()).isEqualTo(2);
        assertThat(asked.err()).contains("the context holds 64");
        Cli conversation = Cli.type("hi\n", "chat", "--model", model.toString());
        assertThat(conversation.exitCode()).as(conversation.err()).isZero();
        assertThat(conversation.err()).isEmpty();
    }

    @Test
    void aPromptThatBeginsWithAnAtSignIsAPrompt() throws IOException {
        Path png = folder.resolve("at.png");
        for (String prompt : List.of("@@alice", "@" + Files.writeString(folder.resolve("options"), "--seed 7"))) {
            Cli cli = Cli.run("generate", prompt, "--size", "32x32", "--model", model.toString(), "-o", png.toString());
            assertThat(cli.exitCode()).as(cli.err()).isZero();
            assertThat(PngText.read(png)).containsEntry("prompt", prompt).containsEntry("seed", "1234");
        }
    }

    @Test
    void tokensAndImageNeedNamesOfTheirOwn() {
        String file = folder.resolve("same.png").toString();
        Cli cli = Cli.run("generate", "x", "--model", model.toString(), "-o", file, "--tokens-out", file);
        assertThat(cli.exitCode()).isEqualTo(2);
        assertThat(cli.err()).contains("is also the name of an image").hasLineCount(1);
    }

    /** All that it depends on, defaults of the checkpoint included. */
    @Test
    void anImageSaysHowItWasMade() {
        drawn("image");
        assertThat(Json.mapper().readTree(PngText.read(folder.resolve("image.png")).get("parameters")).propertyNames())
                .contains("height", "width", "cfg", "temperature", "top_k", "top_p", "min_p", "steps", "decoder_cfg");
    }

    @Test
    void anInspectionFindsWhatDrawingAndAnsweringNeed() throws IOException {
        Files.delete(model.resolve("flux/scheduler/scheduler_config.json"));
        Files.delete(model.resolve("flux/tokenizer/merges.txt"));
        edit("tokenizer_config.json", "\"chat_template\"", "\"other_template\"");
        Cli cli = Cli.run("inspect", model.toString());
        assertThat(cli.exitCode()).isEqualTo(2);
        assertThat(cli.out()).contains("scheduler_config.json", "merges.txt", "chat_template", "3 problem(s)");
    }
}
