package org.xomni.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.data.signs.Colour;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Place;
import org.xomni.data.signs.Scene;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.rl.GrpoSpeed;
import org.xomni.tensor.Numerics;

/** The time of each phase of a step of reinforcement learning: {@code --batch} rollouts of {@code --context} tokens. */
final class RlBench {
    private static final int ROWS = 8;
    private static final int MICRO_BATCH = 32;
    /** Pictures that are read to know the time of one. */
    private static final int READ = 8;

    private RlBench() {}

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
        for (String phase : List.of("rollout", "decode", "reward", "score", "update")) {
            line.put("seconds_" + phase, Stopwatch.round(seconds.getOrDefault("seconds_" + phase, 0.0)));
        }
        line.put("seconds_step", Stopwatch.round(all));
        line.put("rollout_tokens_per_s", Stopwatch.round(rollouts * (double) shape.context / seconds.getOrDefault("seconds_rollout", 1.0)));
        line.put("tokens_per_s", Stopwatch.round(rollouts * (double) shape.context / all));
    }

    /**
     * Seconds of the diffusion transformer for all pictures, one by one as the fixed decoder goes; the autoencoder is not part of it.
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

    /** Seconds to read one sign of two lines. */
    private static double reading() {
        Scene.Text text = new Scene.Text(List.of("GRAND", "OPENING"), Colour.WHITE, Place.Row.MIDDLE);
        Pixels sign = Painter.paint(new Scene(128, 128, Colour.BLUE, Optional.empty(), Optional.of(text), List.of()));
        try (TextReader reader = new TextReader()) {
            String warmUp = reader.text(sign);
            assert !warmUp.isEmpty();
            double start = Stopwatch.now();
            for (int i = 0; i < READ; i++) {
                String read = reader.text(sign);
                assert !read.isEmpty();
            }
            return (Stopwatch.now() - start) / READ;
        }
    }
}
