package org.xomni.rl;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import tools.jackson.core.JacksonException;

/**
 * What a long evaluation has measured so far, on disk, so that one that was interrupted goes on: a file for each pass over the prompts, named by all that
 * its numbers depend on. A pass of other weights, prompts or settings has another name and is measured anew.
 */
final class Measurements {
    private final Path folder;
    private final String setting;

    /**
     * @param folder made when there is something to keep
     * @param setting all that the numbers depend on beside the weights and the pass
     */
    Measurements(Path folder, String setting) {
        this.folder = folder;
        this.setting = setting;
    }

    /**
     * The numbers of one pass.
     *
     * @param weights of the model: what {@link #fingerprint} says of its folder
     * @param pass what is done with it
     */
    double[] of(String weights, String pass, Supplier<double[]> measured) {
        Path file = folder.resolve(digest(setting + "\n" + weights + "\n" + pass) + ".json");
        if (Files.isRegularFile(file)) {
            try {
                return Json.mapper().readValue(Files.readString(file), double[].class);
            } catch (IOException | JacksonException e) {
                throw new InputException(file + " cannot be read (" + e + "); delete it, and it is measured anew", e);
            }
        }
        double[] values = measured.get();
        NewFile.write(file, Json.mapper().writeValueAsString(values) + "\n");
        return values;
    }

    /**
     * What tells weights from others: a digest of all bytes.
     *
     * @param model a folder with {@code model*.safetensors}
     */
    static String fingerprint(Path model) {
        return fingerprint(model, file -> isWeights(model, file));
    }

    /** The same of what tokenizes and paints: a checkpoint's folder without the unified model's weights. */
    static String fingerprintOfParts(Path checkpoint) {
        Path model = checkpoint.resolve("model");
        Path flux = checkpoint.resolve("flux");
        return fingerprint(model, file -> !isWeights(model, file)) + fingerprint(flux, file -> true);
    }

    private static boolean isWeights(Path model, Path file) {
        return model.relativize(file).toString().matches("model[^/]*\\.safetensors");
    }

    private static String fingerprint(Path folder, Predicate<Path> which) {
        try (Stream<Path> files = Files.walk(folder)) {
            MessageDigest digest = sha256();
            for (Path file : files.filter(Files::isRegularFile).filter(which).sorted().toList()) {
                try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
                    in.transferTo(OutputStream.nullOutputStream());
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new InputException(folder + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    private static String digest(String text) {
        return HexFormat.of().formatHex(sha256().digest(text.getBytes(StandardCharsets.UTF_8)), 0, 16);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
