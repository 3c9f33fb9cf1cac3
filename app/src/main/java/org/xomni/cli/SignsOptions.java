package org.xomni.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Option;

/** What decides the samples of the signs world. */
final class SignsOptions {
    private static final List<String> TASKS = List.of("generation", "reading", "questions", "description", "drawing");

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1234", description = "Of the signs world. Default: 1234.")
    long seed;

    @Option(names = "--split", paramLabel = "SPLIT", defaultValue = "train",
            description = "train or held-out, which never share a word or a combination of colours, or practice: words of train,"
                    + " each scene with a combination of neither; or held-out-words: words of held-out with any combination. Default: train.")
    String split = "train";

    @Option(names = "--tasks", paramLabel = "TASK=WEIGHT", split = ",",
            description = "How often each of generation, reading, questions, description and drawing comes. Default: generation=1.")
    Map<String, Double> tasks = new LinkedHashMap<>();

    @Option(names = "--sizes", paramLabel = "HxW", split = ",",
            description = "Pixels, height x width, each as often as it is listed. Default: 128x128,128x128,96x160,160x96.")
    List<String> sizes = List.of();

    SignsWorld world() {
        List<SignsWorld.Size> pixels = sizes.stream().map(SignsOptions::size).toList();
        return new SignsWorld(seed, split(split), tasks(), pixels.isEmpty() ? SignsWorld.SIZES : pixels);
    }

    /** The settings in words: what a folder of shards remembers. */
    Map<String, String> about() {
        SignsWorld world = world();
        return Map.of(
                "source", "signs",
                "seed", Long.toString(seed),
                "split", world.split().name().toLowerCase(Locale.ROOT),
                "tasks", world.tasks().toString(),
                "sizes", world.sizes().toString());
    }

    /** A split by its name on the command line. */
    static Split split(String name) {
        return switch (name) {
            case "train" -> Split.TRAIN;
            case "held-out" -> Split.HELD_OUT;
            case "practice" -> Split.PRACTICE;
            case "held-out-words" -> Split.HELD_OUT_WORDS;
            default -> throw new InputException("--split '" + name + "' is not known; use train, practice, held-out or held-out-words");
        };
    }

    private SignsWorld.Tasks tasks() {
        if (tasks.isEmpty()) {
            return SignsWorld.Tasks.GENERATION;
        }
        tasks.keySet().stream().filter(t -> !TASKS.contains(t)).findFirst().ifPresent(unknown -> {
            throw new InputException("--tasks '" + unknown + "' is not known; use " + String.join(", ", TASKS));
        });
        double[] w = TASKS.stream().mapToDouble(t -> tasks.getOrDefault(t, 0.0)).toArray();
        return new SignsWorld.Tasks(w[0], w[1], w[2], w[3], w[4]);
    }

    private static SignsWorld.Size size(String text) {
        if (!text.matches("\\d{1,4}x\\d{1,4}")) {
            throw new InputException("--sizes '" + text + "' is not HEIGHTxWIDTH, such as 96x160");
        }
        int by = text.indexOf('x');
        return new SignsWorld.Size(Integer.parseInt(text.substring(0, by)), Integer.parseInt(text.substring(by + 1)));
    }
}
