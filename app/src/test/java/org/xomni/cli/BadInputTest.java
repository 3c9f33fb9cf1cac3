package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bad usage and bad files: exit code 2, one line that says what to do, and nothing written. */
class BadInputTest {
    private static final String FIXTURE = "tiny-en";
    private static final String NOT_READ_BY_TOKENIZE = "model-00002-of-00004.safetensors";

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            generate                                | Missing required parameter: 'PROMPT'
            generate x --colour red                 | there is no option '--colour'
            paint x                                 | there is no command 'paint'
            generat x                               | did you mean generate?
            generate x --sed 3                      | did you mean --seed
            generate x y                            | 'y' is one argument too many
            tokenize                                | Missing required parameter: 'IMAGE'
            detokenize                              | Missing required parameter: 'TOKENS.json'
            generate x -n                           | Missing required parameter
            generate x -n many                      | 'many' is no whole number between
            generate x -n 1.5                       | '1.5' is no whole number between
            generate x -n 99999999999               | '99999999999' is no whole number between
            generate x -n 0                         | -n 0 is not 1..
            generate x -n -3                        | -n -3 is not 1..
            generate x -n 1000000000                | -n 1000000000 is not 1..
            generate x --seed abc                   | 'abc' is no whole number between
            generate x --size 100x100               | not a multiple of 16 pixels; try 96x96
            generate x --size 8x64                  | not a multiple of 16 pixels; try 16x64
            generate x --size 0x0                   | not a multiple of 16 pixels; try 16x16
            generate x --size 64                    | is not HEIGHTxWIDTH
            generate x --size big                   | is not HEIGHTxWIDTH
            generate x --size -16x-16               | is not HEIGHTxWIDTH
            generate x --size 999999999x16          | is not HEIGHTxWIDTH
            generate x --size 999984x999984         | draw a smaller image
            generate x --size 1456x1456             | draw a smaller image
            generate x --steps 0                    | --steps 0 is out of range; use 1 to
            generate x --steps -1                   | --steps -1 is out of range; use 1 to
            generate x --steps 1000000000           | --steps 1000000000 is out of range; use 1 to
            generate x --steps ten                  | 'ten' is no whole number between
            generate x --decoder-cfg nan            | 'nan' is no number
            generate x --decoder-cfg NaN            | --decoder-cfg NaN is out of range; use 0 to
            generate x --decoder-cfg -1             | --decoder-cfg -1.0 is out of range; use 0 to
            generate x --decoder-cfg Infinity       | --decoder-cfg Infinity is out of range; use 0 to
            generate x --cfg NaN                    | --cfg NaN is out of range; use 0 to
            generate x --cfg -1                     | --cfg -1.0 is out of range; use 0 to
            generate x --temperature -1             | --temperature -1.0 is out of range; use 0 to
            generate x --temperature NaN            | --temperature NaN is out of range; use 0 to
            generate x --top-p 0                    | --top-p 0.0 is out of range; use a number above 0
            generate x --top-p 2                    | --top-p 2.0 is out of range; use a number above 0
            generate x --top-p NaN                  | --top-p NaN is out of range; use a number above 0
            generate x --min-p -1                   | --min-p -1.0 is out of range; use 0 to 1
            generate x --min-p 1.5                  | --min-p 1.5 is out of range; use 0 to 1
            generate x --top-k -1                   | --top-k -1 is out of range; use 1 or more, or 0 for all
            generate x --threads 0                  | --threads 0 is below 1; give the number
            generate x --threads -2                 | --threads -2 is below 1; give the number
            generate x --threads 1000000            | --threads 1000000 is above
            generate x --dtype float16              | use --dtype float32 or bfloat16
            generate x --dtype foo                  | dtype 'foo' is not known; use float32
            generate x --quantize int3              | quantisation 'int3' is not known; use int8
            generate x --device banana              | device 'banana' is not known; use cpu
            generate x --device cuda:1000           | device 'cuda:1000' is not known; use cpu
            generate x --device cuda:999            | device 'cuda:999' is not there
            generate x --flux missing               | missing is not a folder; point --flux at
            generate x --model missing              | missing is not a folder; give a checkpoint's folder
            chat x --max-tokens 0                   | --max-tokens 0 is below 1
            chat x --max-tokens -5                  | --max-tokens -5 is below 1
            chat x --max-tokens 1000000000          | lower --max-tokens
            chat x --temperature -1                 | --temperature -1.0 is out of range; use 0 to
            chat x --temperature NaN                | --temperature NaN is out of range; use 0 to
            chat --json                             | --json needs a PROMPT
            chat x --image missing.png              | missing.png does not exist; give a PNG
            tokenize missing.png                    | missing.png does not exist; give a PNG
            detokenize missing.json                 | missing.json does not exist; give a tokens file
            inspect missing                         | missing is not a folder; give a checkpoint's folder
            """)
    void badUsage(String line, String expected) {
        List<String> args = new ArrayList<>(List.of(line.split(" ")));
        if (args.getFirst().equals("generate") && args.size() > 1 && !args.getLast().equals("-n")) {
            args.addAll(List.of("-o", folder.resolve("out.png").toString(), "--tokens-out", folder.resolve("out.json").toString()));
        }
        refuse(expected, args.toArray(String[]::new));
    }

    @Test
    void theModelMustBeAFolder() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "not a folder");
        refuse("is not a folder; give a checkpoint's folder", "generate", "x", "--model", file.toString(), "-o", out());
        refuse("is not a folder; point --flux at", "generate", "x", "--model", Cli.model(FIXTURE), "--flux", file.toString(), "-o", out());
    }

    @Test
    void cudaIsRefusedWhereThereIsNone() {
        String device = torch.hasCUDA() ? "cuda:200" : "cuda";
        for (String[] command : new String[][] {
            {"generate", "x", "-o", out()}, {"chat", "x"}, {"tokenize", golden("0_120x96_RGB.png")}
        }) {
            String[] args = Arrays.copyOf(command, command.length + 4);
            System.arraycopy(new String[] {"--device", device, "--model", Cli.model(FIXTURE)}, 0, args, command.length, 4);
            refuse("device '" + device + "' is not there", args);
        }
    }

    @Test
    void outputsThatCannotBeWrittenAreRefusedBeforeTheWork() throws IOException {
        refuse("does not exist; create it first", "generate", "x", "-o", folder.resolve("missing/out.png").toString());
        refuse("does not exist; create it first",
                "generate", "x", "-o", out(), "--tokens-out", folder.resolve("missing/out.json").toString());
        refuse("is a folder; name a file in it", "generate", "x", "-o", folder.toString());
        refuse("is a folder; name a file in it", "generate", "x", "-n", "2", "-o", "/");
        refuse("is a folder; name a file in it",
                "detokenize", tokens("{\"height\":1,\"width\":1,\"tokens\":[1]}"), "-o", folder.toString());
        refuse("is a file, and", "generate", "x", "-o", Files.createFile(folder.resolve("file")).resolve("x.png").toString());
        refuse("nothing is written to standard output", "generate", "x", "-o", "-");
        refuse("pictures are written as PNG", "generate", "x", "-o", folder.resolve("x.jpg").toString());
        refuse("the prompt is empty", "generate", " ", "-o", folder.resolve("x.png").toString());
        if (Files.isDirectory(Path.of("/proc"))) {
            refuse("is not writable; choose another output", "generate", "x", "-o", "/proc/out.png");
            refuse("is no file that could be replaced", "generate", "x", "-o", "/dev/null");
        }
    }

    @Test
    void promptsLongerThanTheContextAreRefused() {
        String prompt = "long ".repeat(5000);
        refuse("shorten the prompt", "generate", prompt, "--size", "64x64", "--model", Cli.model(FIXTURE), "-o", out());
        refuse("shorten the prompt", "chat", prompt, "--model", Cli.model(FIXTURE));
    }

    @Test
    void imagesThatCannotBeUsedAreRefused() throws IOException {
        byte[] good = Files.readAllBytes(Path.of(golden("0_120x96_RGB.png")));
        refuseImage("is empty; give a PNG", new byte[0]);
        refuseImage("give another image", Arrays.copyOf(good, good.length / 2));
        refuseImage("give another image", Arrays.copyOf(good, 10));
        refuseImage("is not a PNG, JPEG, WebP, GIF or BMP image; convert it", "hello".getBytes(StandardCharsets.UTF_8));
        refuseImage("60000x60000 pixels, more than the limit", pngHeader(60_000, 60_000));
        refuseImage("give another image", pngHeader(0, 0));
        refuseImage("give another image", pngHeader(-1, 5));
        refuse("crop it", "tokenize", golden("5_300x80_RGB.png"), "--model", Cli.model(FIXTURE));
        refuse("use a larger image", "chat", "x", "--image", golden("6_30x40_RGB.png"), "--model", Cli.model(FIXTURE));
        refuse("is not a file; give a PNG", "tokenize", folder.toString(), "--model", Cli.model(FIXTURE));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"height":2,"width":2,"tokens":[1,2,3]}              | needs 4 tokens, but there are 3; give
            {"height":2,"width":2,"tokens":[1,2,3,256]}          | token 3 is 256, but
            {"height":2,"width":2,"tokens":[1,2,3,-1]}           | token 3 is -1; tokens are
            {"height":2,"width":2,"tokens":[1,2,3,1e3]}          | tokens[3]
            {"height":2,"width":2,"tokens":[1,2,3,99999999999]}  | tokens[3]
            {"height":2,"width":2,"tokens":[1,2,3,"4"]}          | tokens[3]
            {"height":0,"width":0,"tokens":[]}                   | is empty; height and width
            {"height":-2,"width":-2,"tokens":[1,2,3,4]}          | is empty; height and width
            {"height":100000,"width":100000,"tokens":[1]}        | needs 10000000000 tokens
            {"height":1e400,"width":2,"tokens":[1]}              | height
            {"width":2,"tokens":[1,2]}                           | has no "height"; expected
            {"height":1,"width":2}                               | has no "tokens"; expected
            {"height":1,"width":1,"tokens":[1],"seed":"a"}       | seed is "a"; give
            []                                                   | empty list; give
            [{"height":1,"width":1,"tokens":[1]},{"height":1,"width":1,"tokens":[256]}] | token 0 is 256, but
            [1]                                                  | is not a JSON object; expected
            {"height":1                                          | is not valid JSON
            nonsense                                             | is not valid JSON
            """)
    void tokensThatCannotBeUsedAreRefused(String json, String expected) {
        refuse(expected, "detokenize", tokens(json), "--model", Cli.model(FIXTURE), "-o", out());
    }

    @Test
    void deeplyNestedAndEmptyTokensAreRefused() {
        refuse("is not valid JSON", "detokenize", tokens("[".repeat(100_000)), "--model", Cli.model(FIXTURE), "-o", out());
        refuse("is not a JSON object; expected", "detokenize", tokens(""), "--model", Cli.model(FIXTURE), "-o", out());
    }

    @Test
    void damagedSafetensorsAreRefused() throws IOException {
        Path model = copy();
        Path shard = model.resolve(NOT_READ_BY_TOKENIZE);
        byte[] good = Files.readAllBytes(shard);
        int header = (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String json = new String(good, 8, header, StandardCharsets.UTF_8);

        refuseWeights(model, shard, "is damaged", Arrays.copyOf(good, good.length - 100));
        refuseWeights(model, shard, "is damaged", Arrays.copyOf(good, good.length + 8));
        refuseWeights(model, shard, "is damaged", Arrays.copyOf(good, 5));
        refuseWeights(model, shard, "is damaged", new byte[0]);
        for (long length : new long[] {-1, 0, 1L << 40, Long.MAX_VALUE, header - 8L}) {
            byte[] wrong = good.clone();
            ByteBuffer.wrap(wrong).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
            refuseWeights(model, shard, "is damaged", wrong);
        }
        refuseWeights(model, shard, "dtype \"F31\", expected one of", withHeader(good, header, json.replaceFirst("\"F32\"", "\"F31\"")));
        refuseWeights(model, shard, "is damaged", withHeader(good, header, json.replaceFirst("\\[0,", "[4,")));
        String beyond = json.replaceFirst("\"data_offsets\":\\[0,[0-9]", "\"data_offsets\":[0,9");
        refuseWeights(model, shard, "is damaged", withHeader(good, header, beyond));
        refuseWeights(model, shard, "is damaged", withHeader(good, header, json.replaceFirst("\"shape\":\\[[0-9]", "\"shape\":[9")));
        refuseWeights(model, shard, "is damaged", withHeader(good, header, json.replaceFirst("\"shape\":\\[[0-9]", "\"shape\":[-")));
    }

    @Test
    void weightsOfOtherShapesAreRefused() throws IOException {
        Path model = copy();
        editConfig(model, "\"intermediate_size\": 144", "\"intermediate_size\": 145");
        refuse("does not fit its config.json", "generate", "x", "--model", model.toString(), "-o", out());
        refuse("does not fit its config.json", "chat", "x", "--model", model.toString());
    }

    @Test
    void picklesThatRunCodeAreRefusedAndNotRun() throws IOException {
        Path model = copy();
        Path witness = folder.resolve("witness");
        String command = "touch " + witness;
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2});
        pickle.writeBytes("cos\nsystem\n(X".getBytes(StandardCharsets.UTF_8));
        pickle.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(command.length()).array());
        pickle.writeBytes((command + "tR.").getBytes(StandardCharsets.UTF_8));
        for (String file : List.of("siglip.pt", "projector.pt")) {
            byte[] good = Files.readAllBytes(model.resolve(file));
            Files.write(model.resolve(file), archive(pickle.toByteArray()));
            refuse("refuses to run code from a checkpoint; save a state dict",
                    "tokenize", golden("0_120x96_RGB.png"), "--model", model.toString());
            Files.write(model.resolve(file), good);
        }
        assertThat(witness).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "hidden_size": 64              | "hidden_size": -64
            "hidden_size": 64              | "hidden_size": 0
            "hidden_size": 64              | "hidden_size": 1000000000
            "hidden_size": 64              | "hidden_size": "64"
            "hidden_size": 64              | "hidden_size": NaN
            "hidden_size": 64              | "hidden_size": 64.5
            "hidden_size": 64              | "hidden_size": null
            "hidden_size": 64              | "hidden_size": 65
            "hidden_size": 64              | "hidden_sizes": 64
            "num_attention_heads": 4       | "num_attention_heads": 3
            "num_attention_heads": 4       | "num_attention_heads": 0
            "num_key_value_heads": 2       | "num_key_value_heads": 3
            "num_hidden_layers": 6         | "num_hidden_layers": 1000000000
            "num_mm_adap_layers": 2        | "num_mm_adap_layers": 7
            "vocab_size": 512              | "vocab_size": -512
            "image_vocab_size": 256        | "image_vocab_size": 1000
            "image_vocab_size": 256        | "image_vocab_size": 255
            "max_position_embeddings": 8192| "max_position_embeddings": 2000000000
            "max_position_embeddings": 8192| "max_position_embeddings": 4194304, "head_dim": 4096
            "rope_theta": 1000000.0        | "rope_theta": 0
            "rope_theta": 1000000.0        | "rope_theta": 1e999
            "rms_norm_eps": 1e-06          | "rms_norm_eps": -1
            "codebook_size": 256           | "codebook_size": 0
            "z_channels": 64               | "z_channels": 63
            "patch_size": 16               | "patch_size": 0
            "long_size": 288               | "long_size": 1000000000
            "short_size": 96               | "short_size": 100000
            "max_aspect_ratio": 3.0        | "max_aspect_ratio": -3
            "siglip_path": "siglip.pt"     | "siglip_path": "../../../etc/passwd"
            "model_path": "decoder"        | "model_path": "/etc"
            "num_inference_steps": 6       | "num_inference_steps": 0
            "upscale_factor": 16           | "upscale_factor": -16
            "cfg_scale": 1.5               | "cfg_scale": "high"
            "<IMAGE>"                      | "<PICTURE>"
            "mm_special_tokens": [         | "mm_special_tokens": ["<X>",
            "vision_config": {             | "vision_configs": {
            "decoder": {                   | "decoders": {
            """)
    void impossibleConfigsAreRefused(String from, String to) throws IOException {
        Path model = copy();
        editConfig(model, from, to);
        refuse("; ", "generate", "x", "--size", "64x64", "--model", model.toString(), "-o", out());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "null", "[]", "{", "{}", "not JSON", "{\"a\":1}{\"b\":2}", "\u0000\u0001"})
    void configsThatAreNoObjectsAreRefused(String json) throws IOException {
        Path model = copy();
        Files.writeString(model.resolve("config.json"), json);
        refuse("config.json", "generate", "x", "--model", model.toString(), "-o", out());
        refuse("config.json", "inspect", model.toString());
    }

    @Test
    void deeplyNestedConfigsAreRefused() throws IOException {
        Path model = copy();
        for (String name : List.of(
                "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json", "decoder/config.json")) {
            Path file = model.resolve(name);
            byte[] good = Files.readAllBytes(file);
            Files.writeString(file, "{\"a\":".repeat(100_000) + "1" + "}".repeat(100_000));
            // The template is read for messages only, the decoder for images only.
            String command = name.startsWith("decoder") ? "generate" : "chat";
            refuse(file + " is not valid JSON", withOutput(command, "x", "--model", model.toString()));
            Files.write(file, good);
        }
    }

    @Test
    void tokenizersWithoutControlTokensAreRefused() throws IOException {
        Path model = copy();
        Path tokenizer = model.resolve("tokenizer.json");
        String json = Files.readString(tokenizer);
        for (String token : List.of("<SOM>", "<EOM>", "<IMAGE>", "<|im_end|>")) {
            Files.writeString(tokenizer, json.replace("\"" + token + "\"", "\"<other>\""));
            refuse("has no token " + token, "generate", "x", "--size", "64x64", "--model", model.toString(), "-o", out());
        }
        Files.writeString(tokenizer, json.substring(0, json.length() / 2));
        refuse("is not valid JSON", "chat", "x", "--model", model.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "config.json", "tokenizer.json", "tokenizer_config.json", "model-00003-of-00004.safetensors", "model.safetensors.index.json",
        "siglip.pt", "projector.pt", "decoder/config.json", "decoder/diffusion_pytorch_model.safetensors", "flux/vae/config.json",
        "flux/vae/diffusion_pytorch_model.safetensors", "flux/scheduler/scheduler_config.json", "flux/text_encoder/config.json",
        "flux/text_encoder/model.safetensors", "flux/text_encoder_2/model-00002-of-00003.safetensors", "flux/tokenizer/vocab.json",
        "flux/tokenizer/merges.txt", "flux/tokenizer_2/tokenizer.json"
    })
    void missingFilesAreNamed(String name) throws IOException {
        Path model = copy();
        Files.delete(model.resolve(name));
        boolean understanding = List.of("siglip.pt", "tokenizer_config.json").contains(name);
        String file = Path.of(name).getFileName().toString();
        // Written after drawing: that it is not there shows that nothing was drawn.
        String tokens = folder.resolve("tokens.json").toString();
        refuse(file, understanding
                ? new String[] {"chat", "x", "--image", golden("0_120x96_RGB.png"), "--model", model.toString()}
                : withOutput("generate", "x", "--size", "32x32", "--tokens-out", tokens, "--model", model.toString()));
        refuse(file, understanding
                ? new String[] {"chat", "x", "--image", golden("0_120x96_RGB.png"), "--offload", "--model", model.toString()}
                : withOutput("generate", "x", "--size", "32x32", "--tokens-out", tokens, "--offload", "--model", model.toString()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            decoder/config.json             | "num_single_layers": 3    | "num_single_layers": 4   | single_transformer_blocks.3
            flux/vae/config.json            | "layers_per_block": 1     | "layers_per_block": 2    | resnets.1
            flux/text_encoder/config.json   | "num_hidden_layers": 2    | "num_hidden_layers": 3   | layers.2
            flux/text_encoder_2/config.json | "num_layers": 2           | "num_layers": 3          | block.2
            config.json                     | "codebook_dim": 96        | "codebook_dim": 97       | quant_conv.weight has shape
            """)
    void weightsThatPixelsNeedAreComparedBeforeTokensAreDrawn(String file, String from, String to, String named) throws IOException {
        Path model = copy();
        Path config = model.resolve(file);
        Files.writeString(config, Files.readString(config).replace(from, to));
        refuse(named, withOutput("generate", "x", "--size", "32x32", "--tokens-out", folder.resolve("tokens.json").toString(), "--model", model.toString()));
    }

    @Test
    void everyOutputIsCheckedBeforeTheWork() throws IOException {
        Files.createDirectory(folder.resolve("out-3.png"));
        refuse("out-3.png is a folder", "generate", "x", "-n", "3", "--size", "32x32", "--model", Cli.model(FIXTURE), "-o", out());
    }

    @Test
    void aMissingFluxFolderIsNamedBeforeTheWork() throws IOException {
        Path model = copy();
        delete(model.resolve("flux"));
        refuse("point --flux at", "generate", "x", "--model", model.toString(), "-o", out());
        delete(model.resolve("decoder"));
        String flux = Cli.fixture(FIXTURE).resolve("flux").toString();
        refuse("decoder", "generate", "x", "--model", model.toString(), "--flux", flux, "-o", out());
    }

    @Test
    void missingPartsAreProblemsOfAnInspection() throws IOException {
        Path model = copy();
        Files.delete(model.resolve("siglip.pt"));
        Files.write(model.resolve(NOT_READ_BY_TOKENIZE), new byte[100]);

        Cli result = Cli.run("inspect", model.toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).isEmpty();
        assertThat(result.out()).contains("PROBLEM", "siglip.pt is missing", NOT_READ_BY_TOKENIZE + " is damaged", "2 problem(s)");
    }

    private void refuseImage(String expected, byte[] bytes) throws IOException {
        Path image = Files.write(folder.resolve("image.png"), bytes);
        refuse(expected, "tokenize", image.toString(), "--model", Cli.model(FIXTURE));
        refuse(expected, "chat", "x", "--image", image.toString(), "--model", Cli.model(FIXTURE));
    }

    private void refuseWeights(Path model, Path shard, String expected, byte[] bytes) throws IOException {
        Files.write(shard, bytes);
        refuse(expected, "generate", "x", "--size", "32x32", "--model", model.toString(), "-o", out());
        refuse(expected, "chat", "x", "--model", model.toString());
    }

    private void refuse(String expected, String... args) {
        List<Path> before = files(folder);

        Cli result = Cli.run(args);

        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).startsWith("xomni: ").endsWith("\n").contains(expected).hasLineCount(1).doesNotContain("internal error");
        assertThat(result.err()).as("a remedy").containsPattern("(; |\\. )[-a-zA-Z]");
        assertThat(files(folder)).isEqualTo(before);
    }

    private String out() {
        return folder.resolve("out.png").toString();
    }

    private String[] withOutput(String... args) {
        if (!args[0].equals("generate")) {
            return args;
        }
        return Stream.concat(Arrays.stream(args), Stream.of("-o", out())).toArray(String[]::new);
    }

    private static String golden(String image) {
        return Cli.fixture(FIXTURE).resolve("golden/images/" + image).toString();
    }

    private String tokens(String json) {
        try {
            return Files.writeString(folder.resolve("tokens.json"), json).toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A checkpoint to damage, with its FLUX folder inside. */
    private Path copy() throws IOException {
        Path model = folder.resolve("model");
        for (String part : List.of("model", "flux")) {
            Path source = Cli.fixture(FIXTURE).resolve(part);
            for (Path file : files(source)) {
                Path target = (part.equals("flux") ? model.resolve("flux") : model).resolve(source.relativize(file));
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
        return model;
    }

    private static void editConfig(Path model, String from, String to) throws IOException {
        Path config = model.resolve("config.json");
        String json = Files.readString(config);
        assertThat(json).contains(from);
        Files.writeString(config, json.replace(from, to));
    }

    private static List<Path> files(Path folder) {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path folder) throws IOException {
        for (Path file : files(folder)) {
            Files.delete(file);
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path empty : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(empty);
            }
        }
    }

    private static byte[] withHeader(byte[] file, int length, String json) {
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        assertThat(header).as("a header of the same length").hasSize(length);
        byte[] changed = file.clone();
        System.arraycopy(header, 0, changed, 8, length);
        assertThat(changed).isNotEqualTo(file);
        return changed;
    }

    /** A PNG of which there is hardly more than the header. */
    private static byte[] pngHeader(int width, int height) {
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        png.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
        ByteBuffer chunk = ByteBuffer.allocate(17).put("IHDR".getBytes(StandardCharsets.US_ASCII)).putInt(width).putInt(height);
        chunk.put(new byte[] {8, 2, 0, 0, 0});
        CRC32 crc = new CRC32();
        crc.update(chunk.array());
        png.writeBytes(ByteBuffer.allocate(25).putInt(13).put(chunk.array()).putInt((int) crc.getValue()).array());
        return png.toByteArray();
    }

    /** A zip archive as torch.save writes them, with this pickle. */
    private static byte[] archive(byte[] pickle) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(pickle);
        ZipEntry entry = new ZipEntry("archive/data.pkl");
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(pickle.length);
        entry.setCrc(crc.getValue());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(entry);
            zip.write(pickle);
        }
        return bytes.toByteArray();
    }
}
