package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tokenizer.ImageTokenizer;

/** The diffusion decoder, which reinforcement learning samples through and does not train (paper section 4.3). */
public final class FixedDecoder implements TokenPainter, AutoCloseable {
    private final ImageTokenizer tokenizer;
    private final DiffusionDecoder decoder;
    private final int steps;
    private final double guidance;

    /**
     * How pixels are made.
     *
     * @param steps of the diffusion decoder, or null for the checkpoint's own
     * @param guidance strength of its guidance, or null for the checkpoint's own
     */
    public record Settings(@Nullable Integer steps, @Nullable Double guidance) {}

    private FixedDecoder(ImageTokenizer tokenizer, DiffusionDecoder decoder, int steps, double guidance) {
        this.tokenizer = tokenizer;
        this.decoder = decoder;
        this.steps = steps;
        this.guidance = guidance;
    }

    /**
     * The decoder of a checkpoint.
     *
     * @param checkpoint the folder with {@code model/} and {@code flux/}
     * @throws org.xomni.tensor.CheckpointException if parts are missing or do not fit together
     */
    public static FixedDecoder load(Path checkpoint, Settings settings, Numerics numerics) {
        Path model = checkpoint.resolve("model");
        DecoderDefaults defaults = DecoderDefaults.of(ConfigFile.read(model.resolve("config.json")).child("vision_config").child("decoder"));
        DiffusionDecoder decoder = DiffusionDecoder.load(
                model.resolve(defaults.modelPath()), checkpoint.resolve("flux"), defaults.upscaleFactor(), numerics, false);
        return new FixedDecoder(
                ImageTokenizer.load(model, numerics),
                decoder,
                settings.steps() == null ? defaults.numInferenceSteps() : settings.steps(),
                settings.guidance() == null ? defaults.cfgScale() : settings.guidance());
    }

    @Override
    public List<Pixels> paint(List<Prompt> prompts, List<Rollout> rollouts, long[] seeds) {
        List<Pixels> pictures = new ArrayList<>();
        for (int i = 0; i < rollouts.size(); i++) {
            pictures.add(paint(prompts.get(i), rollouts.get(i).image(), seeds[i]));
        }
        return pictures;
    }

    private Pixels paint(Prompt prompt, ImageTokens image, long seed) {
        try (Scope scope = Scope.plain(); Randomness noise = new Randomness(seed)) {
            Tensor features_LT = tokenizer.features(image);
            var request = new DiffusionDecoder.Request(image.height(), image.width(), prompt.text(), steps, guidance, null);
            return decoder.decode(features_LT, request, noise, DiffusionDecoder.Progress.NONE, () -> false);
        }
    }

    @Override
    public void close() {
        decoder.close();
        tokenizer.close();
    }
}
