package org.xomni.rl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFile;
import org.xomni.train.Snapshots;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The weights that a run has kept, by step. A run whose folder is not there any more can be named by the file that {@link #write} has made of it: what has been measured of it can be read
 * then, and nothing else be measured.
 *
 * @param name of the run's folder
 */
record RunWeights(String name, SortedMap<Long, Weights> steps) {
    private static final Pattern STEP = Pattern.compile("step-(\\d{9})");
    private static final String JSON = ".json";

    /**
     * Weights of one step.
     *
     * @param fingerprint tells them from others, see {@link Measurements#fingerprint}
     * @param folder where they are, or null if nobody knows
     */
    record Weights(String fingerprint, @Nullable Path folder) {
        /** @throws InputException if they are not there */
        UnifiedModel load(UnifiedModel like) {
            if (folder == null) {
                throw new InputException("the weights of " + fingerprint.substring(0, 12) + "... are not here, and not all that is asked for has been measured of them;"
                        + " name the folder of the run, or a folder with what was measured by -o");
            }
            return Policy.frozen(like.config(), folder, like.numerics());
        }
    }

    /**
     * What a run has kept: models on the way, and the last one.
     *
     * @param run its folder, or a file that {@link #write} has made
     * @param steps of its recipe
     * @throws InputException if it is neither
     */
    static RunWeights of(Path run, long steps) {
        return run.toString().endsWith(JSON) && Files.isRegularFile(run) ? read(run) : in(run, steps);
    }

    private static RunWeights in(Path run, long steps) {
        SortedMap<Long, Weights> weights = new TreeMap<>();
        Path last = run.resolve("model").resolve("model");
        if (!Files.isRegularFile(last.resolve("model.safetensors"))) {
            throw new InputException(last + " has no model.safetensors; name the folder of a run of train grpo that has made a checkpoint");
        }
        Path kept = run.resolve("models");
        if (Files.isDirectory(kept)) {
            try (Stream<Path> folders = Files.list(kept)) {
                for (Path folder : folders.toList()) {
                    Matcher step = STEP.matcher(folder.getFileName().toString());
                    if (step.matches() && Long.parseLong(step.group(1)) > 0) {
                        weights.put(Long.parseLong(step.group(1)), at(folder.resolve("model")));
                    }
                }
            } catch (IOException e) {
                throw new InputException(kept + " cannot be listed (" + e + "); check its permissions", e);
            }
        }
        weights.put(new Snapshots(run).newest().map(Snapshots.Found::step).orElse(steps), at(last));
        return new RunWeights(run.toAbsolutePath().normalize().getFileName().toString(), weights);
    }

    private static Weights at(Path folder) {
        return new Weights(Measurements.fingerprint(folder), folder);
    }

    private static RunWeights read(Path file) {
        SortedMap<Long, Weights> weights = new TreeMap<>();
        for (Map.Entry<String, JsonNode> step : Json.readObject(file).properties()) {
            if (!step.getKey().matches("\\d{1,9}") || !step.getValue().asString("").matches("[0-9a-f]{64}")) {
                throw new InputException(file + " says '" + step.getKey() + "': " + step.getValue() + ", expected steps and fingerprints of weights as eval rl-claims writes them");
            }
            weights.put(Long.parseLong(step.getKey()), new Weights(step.getValue().asString(""), null));
        }
        if (weights.isEmpty()) {
            throw new InputException(file + " names no weights; expected steps and fingerprints as eval rl-claims writes them");
        }
        String name = file.getFileName().toString();
        return new RunWeights(name.substring(0, name.length() - JSON.length()), weights);
    }

    /** Writes {@code FOLDER/NAME.json}, from which the run is known without its weights. */
    void write(Path folder) {
        ObjectNode json = Json.mapper().createObjectNode();
        steps.forEach((step, weights) -> json.put(Long.toString(step), weights.fingerprint()));
        NewFile.write(folder.resolve(name + JSON), json.toString() + "\n");
    }
}
