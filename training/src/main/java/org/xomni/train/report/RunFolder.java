package org.xomni.train.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.InputException;
import org.xomni.train.MetricsFile;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What lies in the folder of a run.
 *
 * @param name the folder's, relative to what was asked for
 * @param metrics as written so far
 * @param recipe the text of {@code recipe.yaml}, or null
 * @param sheets by step
 * @param written when the last line of metrics was
 */
record RunFolder(String name, MetricsFile metrics, @Nullable String recipe, List<Sheet> sheets, Instant written) {
    private static final Pattern SHEET = Pattern.compile("step-(\\d+)\\.png");
    private static final int DEPTH = 3;

    /**
     * Pictures made at a step.
     *
     * @param captions the text beside it, or null
     */
    record Sheet(long step, Path png, @Nullable String captions) {}

    /**
     * The run in a folder, or all runs below it in the order in which they were last written: later stages build on earlier ones.
     *
     * @throws InputException if there is none
     */
    static List<RunFolder> all(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw new InputException(folder + " is not a folder; name the folder of a run, or one with several runs in it");
        }
        try (Stream<Path> files = Files.walk(folder, DEPTH)) {
            List<RunFolder> runs = new ArrayList<>();
            for (Path file : files.filter(f -> f.endsWith("metrics.jsonl")).toList()) {
                runs.add(read(folder, file.resolveSibling("")));
            }
            if (runs.isEmpty()) {
                throw new InputException(folder + " has no metrics.jsonl, nor has a folder in it; name the folder of a run that has begun");
            }
            runs.sort(Comparator.comparing(RunFolder::written).thenComparing(RunFolder::name));
            return runs;
        } catch (IOException e) {
            throw new InputException(folder + " cannot be read (" + e + "); check its permissions", e);
        }
    }

    private static RunFolder read(Path base, Path run) throws IOException {
        Path recipe = run.resolve("recipe.yaml");
        Path relative = base.relativize(run);
        return new RunFolder(
                (relative.toString().isEmpty() ? base.toAbsolutePath().normalize().getFileName() : relative).toString(),
                MetricsFile.read(run),
                Files.exists(recipe) ? Files.readString(recipe) : null,
                sheets(run.resolve("sheets")),
                Files.getLastModifiedTime(run.resolve("metrics.jsonl")).toInstant());
    }

    private static List<Sheet> sheets(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        List<Sheet> sheets = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path png : files.toList()) {
                Matcher name = SHEET.matcher(png.getFileName().toString());
                if (name.matches()) {
                    Path captions = png.resolveSibling(name.group().replace(".png", ".txt"));
                    sheets.add(new Sheet(Long.parseLong(name.group(1)), png, Files.exists(captions) ? Files.readString(captions) : null));
                }
            }
        }
        sheets.sort(Comparator.comparingLong(Sheet::step));
        return sheets;
    }

    /** How many steps were done when the last line was written. */
    long step() {
        return metrics.lines().isEmpty() ? 0 : metrics.lines().getLast().step();
    }

    /** Seconds of training so far. */
    double seconds() {
        return metrics.lines().isEmpty() ? 0 : metrics.lines().getLast().seconds();
    }

    /** How many steps the recipe asks for, if it says so. */
    OptionalLong steps() {
        try {
            JsonNode steps = recipe == null ? null : YAMLMapper.shared().readTree(recipe).path("loop").path("steps");
            return steps == null || steps.isMissingNode() ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(steps.asString().replace("_", "")));
        } catch (JacksonException | NumberFormatException e) {
            return OptionalLong.empty();
        }
    }
}
