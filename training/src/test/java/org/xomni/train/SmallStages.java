package org.xomni.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.decoder.Vae;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.StoredTensor;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.TokenizerConfig;

/** Stages that are small enough for tests, and runs of them. */
final class SmallStages {
    private SmallStages() {}

    /** The stages, small. */
    enum Kind {
        TOKENIZER(150, 0.6),
        AUTOENCODER(150, 0.5),
        DECODER(400, 0.2),
        UNIFIED(200, 0.2);

        final int steps;
        /** The loss at the end over that at the beginning, at most. */
        final double share;

        Kind(int steps, double share) {
            this.steps = steps;
            this.share = share;
        }

        Stage make(Path checkpoint, int distinct) {
            return make(checkpoint, distinct, TinyCheckpoint.FP32);
        }

        Stage make(Path checkpoint, int distinct, Numerics numerics) {
            Path model = checkpoint.resolve("model");
            Path vae = checkpoint.resolve("flux").resolve("vae");
            return switch (this) {
                case TOKENIZER -> new TokenizerStage(
                        TokenizerConfig.read(model), TextTokenizer.load(model), null,
                        new TokenizerStage.Settings(4, TinyCheckpoint.GRID, 0.1, 3, 2, 4, 1000, 1, 0.5, 5, 1, 32, TokenizerStage.Back.WHITENED, new AlignmentModel.Settings(16, 1, 2)),
                        7, numerics, TinyCheckpoint.signs(Tasks.UNDERSTANDING, distinct), 1);
                case AUTOENCODER -> new AutoencoderStage(
                        ConfigFile.read(vae.resolve("config.json")), new AutoencoderStage.Settings(4, 32, 0.5, 1e-4), 7, numerics,
                        TinyCheckpoint.signs(Tasks.GENERATION, distinct), 1);
                case DECODER -> new DecoderStage(
                        ConfigFile.read(model.resolve("decoder").resolve("config.json")), null, ImageTokenizer.load(model, TinyCheckpoint.FP32),
                        Vae.load(vae, TinyCheckpoint.FP32), new DecoderStage.Settings(4, 0.1, 0.1), 7, numerics,
                        TinyCheckpoint.signs(Tasks.GENERATION, distinct), 1);
                case UNIFIED -> new UnifiedStage(
                        model, null, new UnifiedStage.Settings(UnifiedStage.Trained.EVERYTHING, 2, 128, 0.1, 1, true, 2), 7, numerics,
                        TinyCheckpoint.tokenised(new Tasks(1, 1, 0, 0, 0), distinct), 1);
            };
        }
    }

    static LoopSettings loop(long steps, long checkpointEvery) {
        return new LoopSettings(
                steps, 1, 1e-2, new Schedule.Cosine(5, 0.1), new AdamW.Settings(List.of(0.9, 0.95), 1e-8, 0, 1), 0.5, checkpointEvery, 1);
    }

    static double[] losses(Stage stage, LoopSettings loop, Path run, boolean resume, long stopAfter) {
        List<Double> losses = new ArrayList<>();
        try (stage) {
            TrainingLoop.run(stage, loop, run, resume, new RunListener() {
                @Override
                public void stepped(long step, Map<String, Double> metrics) {
                    losses.add(metrics.get("loss"));
                }

                @Override
                public boolean stop() {
                    return losses.size() == stopAfter;
                }
            });
        }
        return losses.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** All tensors of the last checkpoint, as bytes. */
    static Map<String, List<Byte>> state(Path run) {
        Path file = run.resolve("checkpoints").resolve("step-000000012").resolve("state.safetensors");
        Map<String, List<Byte>> state = new TreeMap<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            for (StoredTensor tensor : tensors.tensors().values()) {
                List<Byte> bytes = new ArrayList<>();
                for (byte b : tensor.bytes().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)) {
                    bytes.add(b);
                }
                state.put(tensor.name(), bytes);
            }
        }
        return state;
    }

}
