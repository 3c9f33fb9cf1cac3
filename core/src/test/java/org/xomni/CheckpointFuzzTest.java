package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Damages a whole checkpoint in one place at a time: it still works, or it is refused as it should be. {@code -Dxomni.fuzz.rounds=N} and
 * {@code -Dxomni.fuzz.seed=S} look further.
 */
@Timeout(3600)
class CheckpointFuzzTest {
    private static final int ROUNDS = Integer.getInteger("xomni.fuzz.rounds", 24);
    private static final long SEED = Long.getLong("xomni.fuzz.seed", 1);
    private static final List<String> ODD_VALUES = List.of(
            "-1", "0", "1", "2", "3", "7", "63", "4096", "1000000000", "2147483647", "4294967296", "1.5", "-0.0", "1e308", "1e-308",
            "\"\"", "\"x\"", "\"../x\"", "\"{{ 1 }}\"", "true", "false", "null", "[]", "{}", "[1]", "[[[]]]", "\"\\u0000\"");

    @TempDir
    Path folder;

    private int worked;
    private int refused;

    @Test
    void settingsThatMakeNoSense() throws IOException {
        Path model = copy();
        List<Path> settings = files(model, ".json").stream().filter(f -> sizeOf(f) < 20_000).toList();
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < ROUNDS; i++) {
            Path file = settings.get(random.nextInt(settings.size()));
            byte[] good = Files.readAllBytes(file);
            JsonNode tree = Json.mapper().readTree(good);
            String change = change(tree, random);
            Files.write(file, Json.mapper().writeValueAsBytes(tree));
            use(model, "round " + i + ": " + model.relativize(file) + " " + change);
            Files.write(file, good);
        }
        assertThat(List.of(worked, refused)).allMatch(count -> count > ROUNDS / 20);
    }

    @Test
    void bytesThatChanged() throws IOException {
        Path model = copy();
        List<Path> files = files(model, "");
        SplittableRandom random = new SplittableRandom(SEED + 1);
        for (int i = 0; i < ROUNDS; i++) {
            Path file = files.get(random.nextInt(files.size()));
            byte[] good = Files.readAllBytes(file);
            Files.write(file, damage(good, random));
            use(model, "round " + i + ": " + model.relativize(file));
            Files.write(file, good);
        }
        assertThat(List.of(worked, refused)).allMatch(count -> count > ROUNDS / 20);
    }

    @Test
    void imagesThatChanged() throws IOException {
        SplittableRandom random = new SplittableRandom(SEED + 2);
        byte[] png = Files.readAllBytes(Fixtures.golden("tiny-en", "images/0_120x96_RGB.png"));
        List<byte[]> images = List.of(png, converted(png, "jpg"), converted(png, "bmp"), converted(png, "gif"));
        try (XOmni xomni = XOmni.load(Fixtures.model("tiny-en"), LoadOptions.DEFAULT)) {
            for (int i = 0; i < 4 * ROUNDS; i++) {
                byte[] damaged = damage(images.get(i % images.size()), random);
                attempt("round " + i, () -> xomni.tokenize(ImageFiles.decode(damaged, "image")));
            }
        }
        assertThat(List.of(worked, refused)).allMatch(count -> count > ROUNDS / 20);
    }

    private void use(Path model, String what) {
        Pixels image = new Pixels(48, 64, new byte[48 * 64 * 3]);
        attempt(what, () -> {
            Inspection.of(model, null);
            try (XOmni xomni = XOmni.load(model, LoadOptions.DEFAULT)) {
                attempt(what + ", tokenize", () -> xomni.tokenize(image));
                ChatRequest question = new ChatRequest("Hi", List.of(), 3, Sampling.text(1), 1);
                attempt(what + ", chat", () -> xomni.chat(question, piece -> {}, Progress.NONE));
                attempt(what + ", draw", () -> xomni.draw(
                        new DrawRequest("Hi", 32, 32, Sampling.IMAGE, 1, new DecodeSettings(1, null, false)), Progress.NONE));
            }
        });
    }

    private void attempt(String what, Runnable attempt) {
        try {
            attempt.run();
            worked++;
        } catch (InputException e) {
            assertThat(e.getMessage()).as(what).hasLineCount(1).hasSizeLessThan(6000);
            refused++;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            throw new AssertionError(what + " was neither used nor refused: " + e, e);
        }
    }

    /** Changes or removes one value somewhere in a tree. */
    private static String change(JsonNode root, SplittableRandom random) {
        JsonNode node = root;
        while (true) {
            List<JsonNode> inner = node.valueStream().filter(n -> n.isContainer() && !n.isEmpty()).toList();
            if (inner.isEmpty() || random.nextInt(inner.size() + 2) == 0) {
                break;
            }
            node = inner.get(random.nextInt(inner.size()));
        }
        String odd = ODD_VALUES.get(random.nextInt(ODD_VALUES.size()));
        JsonNode value = Json.mapper().readTree(odd);
        if (node instanceof ArrayNode array && !array.isEmpty()) {
            int index = random.nextInt(array.size());
            array.set(index, value);
            return "[" + index + "] = " + odd;
        }
        ObjectNode object = (ObjectNode) node;
        List<Map.Entry<String, JsonNode>> entries = List.copyOf(object.properties());
        if (entries.isEmpty()) {
            object.set("x", value);
            return "x = " + odd;
        }
        String key = entries.get(random.nextInt(entries.size())).getKey();
        if (random.nextInt(6) == 0) {
            object.remove(key);
            return key + " removed";
        }
        object.set(key, value);
        return key + " = " + odd;
    }

    /** Mostly near the start, where headers are. */
    private static byte[] damage(byte[] good, SplittableRandom random) {
        byte[] bytes = good.clone();
        int within = random.nextBoolean() ? Math.min(bytes.length, 600) : bytes.length;
        switch (random.nextInt(4)) {
            case 0 -> bytes[random.nextInt(within)] ^= (byte) (1 << random.nextInt(8));
            case 1 -> {
                for (int at = random.nextInt(within), n = 0; n < 8 && at < bytes.length; n++, at++) {
                    bytes[at] = (byte) random.nextInt(256);
                }
            }
            case 2 -> {
                for (int at = random.nextInt(within), n = 0; n < 64 && at < bytes.length; n++, at++) {
                    bytes[at] = -1;
                }
            }
            default -> bytes = Arrays.copyOf(bytes, random.nextInt(within));
        }
        return bytes;
    }

    private static byte[] converted(byte[] png, String format) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(ImageIO.write(ImageIO.read(new ByteArrayInputStream(png)), format, out)).as(format).isTrue();
        return out.toByteArray();
    }

    private Path copy() {
        Path model = Copies.of(Fixtures.model("tiny-en"), folder.resolve("model"));
        Copies.of(Fixtures.flux("tiny-en"), model.resolve("flux"));
        return model;
    }

    private static List<Path> files(Path folder, String suffix) {
        return Copies.files(folder).stream().map(folder::resolve).filter(f -> f.toString().endsWith(suffix)).toList();
    }

    private static long sizeOf(Path file) {
        return file.toFile().length();
    }
}
