package org.xomni.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.rl.GrpoParts;
import org.xomni.rl.GrpoRecipe;
import org.xomni.rl.GrpoSpeed;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Folders;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.train.RecipeFile;
import org.xomni.train.RunListener;

/**
 * The time of each phase of a step of reinforcement learning: steps of a recipe as it runs, or {@code --batch} rollouts of {@code --context} tokens of a model of any
 * shape, whose decoder and reader are timed by themselves.
 */
final class RlBench {
    private static final int ROWS = 8;
    private static final int MICRO_BATCH = 32;
    /** Pictures that each thread reads to know the time of one. */
    private static final int READ = 8;

    private static final List<String> PHASES = List.of("rollout", "decode", "reward", "score", "update");
    /** Steps of a recipe whose medians are taken; one more goes before them. */
    private static final int STEPS = 5;

    private RlBench() {}

    /**
     * Steps of a recipe, in a folder that is deleted after them, without held-out prompts.
     *
     * @param device where the models are
     */
    static Map<String, Object> recipe(Path recipe, String device) {
        Engine.keepFreedMemory();
        GrpoRecipe r = RecipeFile.read(recipe, GrpoRecipe.class).recipe().with(null);
        if (r.loop().steps() <= STEPS) {
            throw new InputException(recipe + " has " + r.loop().steps() + " steps, too few to time " + STEPS + " after a first; use a recipe with more");
        }
        List<Map<String, Double>> steps = new ArrayList<>();
        RunListener listener = new RunListener() {
            @Override
            public void stepped(long step, Map<String, Double> metrics) {
                steps.add(Map.copyOf(metrics));
            }

            @Override
            public boolean stop() {
                return steps.size() > STEPS;
            }
        };
        try (GrpoParts parts = GrpoParts.open(recipe, r, device)) {
            Path run = Files.createTempDirectory("xomni-bench-rl");
            try {
                parts.loop(r).run(run, false, listener);
            } finally {
                Folders.delete(run);
            }
        } catch (IOException e) {
            throw new InputException("no folder for a run can be made (" + e + "); see that the system's temporary folder has space", e);
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("bench", "rl");
        line.put("recipe", recipe.toString());
        line.put("device", device);
        line.put("threads", Engine.threads());
        line.put("rollouts", r.grpo().batch());
        PHASES.forEach(phase -> line.put("seconds_" + phase, Stopwatch.round(median(steps, "seconds_" + phase))));
        line.put("seconds_step", Stopwatch.round(median(steps, step -> PHASES.stream().mapToDouble(phase -> step.getOrDefault("seconds_" + phase, 0.0)).sum())));
        line.put("rollout_tokens_per_s", Stopwatch.round(median(steps, "rollout_tokens_per_s")));
        line.put("tokens_per_s", Stopwatch.round(median(steps, "tokens_per_s")));
        return line;
    }

    private static double median(List<Map<String, Double>> steps, String name) {
        return median(steps, step -> step.getOrDefault(name, 0.0));
    }

    /** Over all steps but the first, which is the warm-up. */
    private static double median(List<Map<String, Double>> steps, ToDoubleFunction<Map<String, Double>> value) {
        double[] sorted = steps.stream().skip(1).mapToDouble(value).sorted().toArray();
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }

    static void rl(BenchCommand shape, UnifiedConfig config, Numerics numerics, Map<String, Object> line) {
        Map<String, Double> seconds = new LinkedHashMap<>();
        int rollouts;
        try (GrpoSpeed speed = new GrpoSpeed(config, numerics, shape.batch, shape.context, ROWS, MICRO_BATCH)) {
            rollouts = speed.rollouts();
            Map<String, Double> warmUp = speed.step();
            assert !warmUp.isEmpty();
            speed.step().forEach(seconds::put);
        }
        seconds.put("seconds_decode", decoding(shape, numerics, rollouts, line));
        seconds.put("seconds_reward", rollouts * reading());
        double all = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        line.put("rollouts", rollouts);
        PHASES.forEach(phase -> line.put("seconds_" + phase, Stopwatch.round(seconds.getOrDefault("seconds_" + phase, 0.0))));
        line.put("seconds_step", Stopwatch.round(all));
        line.put("rollout_tokens_per_s", Stopwatch.round(rollouts * (double) shape.context / seconds.getOrDefault("seconds_rollout", 1.0)));
        line.put("tokens_per_s", Stopwatch.round(rollouts * (double) shape.context / all));
    }

    /**
     * Seconds of the diffusion transformer for all pictures, one by one, where a run makes small ones together; the autoencoder is not part of it.
     *
     * @param machine receives the machine's limits
     */
    private static double decoding(BenchCommand shape, Numerics numerics, int rollouts, Map<String, Object> machine) {
        int asked = shape.batch;
        try {
            shape.batch = 1;
            Map<String, Object> decoder = new LinkedHashMap<>();
            VisionBench.decoder(shape, numerics, decoder);
            for (String limit : List.of("read_bandwidth_gbs", "small_op_us")) {
                if (decoder.containsKey(limit)) {
                    machine.put(limit, decoder.get(limit));
                }
            }
            return decoder.get("images_per_s") instanceof Double rate ? rollouts / rate : Double.NaN;
        } finally {
            shape.batch = asked;
        }
    }

    /** Seconds for each sign of two lines, when as many are read at once as rewards do. */
    private static double reading() {
        Scene.Text text = new Scene.Text(List.of("GRAND", "OPENING"), Colour.WHITE, Place.Row.MIDDLE);
        Pixels sign = Painter.paint(new Scene(128, 128, Colour.BLUE, Optional.empty(), Optional.of(text), List.of()));
        int threads = Engine.threads();
        try (TextReader reader = new TextReader(); ExecutorService readers = Executors.newFixedThreadPool(threads)) {
            read(reader, readers, sign, threads);
            double start = Stopwatch.now();
            read(reader, readers, sign, READ * threads);
            return (Stopwatch.now() - start) / (READ * threads);
        }
    }

    private static void read(TextReader reader, ExecutorService readers, Pixels sign, int times) {
        for (Future<String> text : Stream.generate(() -> readers.submit(() -> reader.text(sign))).limit(times).toList()) {
            try {
                String read = text.get();
                assert !read.isEmpty();
            } catch (InterruptedException | ExecutionException e) {
                throw new IllegalStateException("a sign could not be read", e);
            }
        }
    }
}
