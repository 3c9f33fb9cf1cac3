package org.xomni.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.xomni.DecodeSettings;
import org.xomni.autoregressive.Sampling;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;

/** Where files go and what the images say about themselves. */
final class Outputs {
    /** Extensions of files that are no PNG. */
    private static final Set<String> OTHER_FORMATS = Set.of("jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "json");

    private Outputs() {}

    /** The file for image {@code i} of {@code n}: FILE, or FILE-1 ... FILE-N. */
    static Path numbered(Path file, int i, int n) {
        if (n == 1) {
            return file;
        }
        requireFile(file);
        if (file.getFileName() == null) {
            throw new InputException(file + " is a folder; name a file in it");
        }
        String name = file.getFileName().toString();
        int dot = name.lastIndexOf('.');
        String base = dot > 0 ? name.substring(0, dot) : name;
        String extension = dot > 0 ? name.substring(dot) : "";
        return file.resolveSibling(base + "-" + (i + 1) + extension);
    }

    /**
     * {@link #requireWritable(Path)} for each of the files that {@link #numbered} names.
     *
     * @param n how many
     */
    static void requireWritable(Path file, int n) {
        requireWritable(numbered(file, 0, n));
        for (int i = 1; i < n; i++) {
            requireFile(numbered(file, i, n));
        }
    }

    /**
     * Checks before the work that a file can be written after it.
     *
     * @throws InputException if its folder is missing or read-only, or the name is a folder's or a device's
     */
    static void requireWritable(Path file) {
        Path folder = NewFile.behindLinks(file).getParent();
        if (folder != null && Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new InputException(folder + " is a file, and " + file + " cannot be in it; choose another output");
        }
        if (folder == null || !Files.isDirectory(folder)) {
            throw new InputException("the folder of " + file + " does not exist; create it first");
        }
        requireFile(file);
        try {
            // Permissions do not tell everything: a mount may be read-only, a disk full.
            Files.delete(Files.createTempFile(folder, ".xomni", ".tmp"));
        } catch (IOException e) {
            throw new InputException("the folder of " + file + " is not writable; choose another output", e);
        }
    }

    /** {@link #requireWritable(Path, int)} for pictures, which are written as PNG. */
    static void requirePictures(Path file, int n) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        String extension = name.substring(name.lastIndexOf('.') + 1);
        if (name.contains(".") && OTHER_FORMATS.contains(extension)) {
            throw new InputException(file + " would be no " + extension.toUpperCase(Locale.ROOT) + " file: pictures are written as PNG; name a .png file");
        }
        requireWritable(file, n);
    }

    private static void requireFile(Path file) {
        if (file.toString().isEmpty() || file.toString().equals("-")) {
            throw new InputException("the output '" + file + "' is no file, and nothing is written to standard output; name a file");
        }
        if (Files.isDirectory(file)) {
            throw new InputException(file + " is a folder; name a file in it");
        }
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new InputException(file + " is no file that could be replaced; choose another output");
        }
    }

    /** The text chunks of a drawn PNG. */
    static Map<String, String> texts(String prompt, long seed, Map<String, Object> parameters) {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.put("prompt", prompt);
        texts.put("seed", Long.toString(seed));
        texts.put("parameters", Json.mapper().writeValueAsString(parameters));
        texts.put("software", "xomni");
        return texts;
    }

    /** All that an image depends on beside prompt and seed. */
    static Map<String, Object> parameters(Sampling sampling, DecodeSettings decode, DecoderDefaults defaults, int height, int width) {
        Map<String, Object> p = new LinkedHashMap<>();
        p.put("height", height);
        p.put("width", width);
        p.put("cfg", sampling.guidance());
        p.put("temperature", sampling.temperature());
        p.put("top_k", sampling.topK());
        p.put("top_p", sampling.topP());
        p.put("min_p", sampling.minP());
        p.putAll(parameters(decode, defaults));
        return p;
    }

    /** The decoder's settings: the user's, or else the checkpoint's. */
    static Map<String, Object> parameters(DecodeSettings decode, DecoderDefaults defaults) {
        Map<String, Object> p = new LinkedHashMap<>();
        p.put("steps", decode.steps() != null ? decode.steps() : defaults.numInferenceSteps());
        p.put("decoder_cfg", decode.guidance() != null ? decode.guidance() : defaults.cfgScale());
        if (decode.tiled()) {
            p.put("tiled", true);
        }
        return p;
    }
}
