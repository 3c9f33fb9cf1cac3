package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.rl.prompt.Prompt;
import org.xomni.rl.reward.Distinct;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.train.Default;
import org.xomni.train.Opening;
import org.xomni.train.Recipes;
import org.xomni.train.Training;

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
     * @param precision of tokenizer and decoder; in bfloat16 they take half the memory, and less time where there are instructions for it
     */
    public record Settings(@Nullable Integer steps, @Nullable Double guidance, @Default("float32") Recipes.Precision precision) {
        public Settings {
            if (steps != null && steps < 1 || guidance != null && !(guidance >= 0 && guidance < 1000)) {
                throw new InputException("the decoder's steps " + steps + " must be at least 1, and its guidance " + guidance + " a number from 0");
            }
        }
    }

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
     * @param device where it is
     * @throws org.xomni.tensor.CheckpointException if parts are missing or do not fit together
     */
    public static FixedDecoder load(Path checkpoint, Settings settings, String device) {
        Numerics numerics = Training.numerics(settings.precision(), device);
        Path model = checkpoint.resolve("model");
        DecoderDefaults defaults = DecoderDefaults.of(ConfigFile.read(model.resolve("config.json")).child("vision_config").child("decoder"));
        try (Opening opening = new Opening()) {
            DiffusionDecoder decoder = opening.add(DiffusionDecoder.load(
                    model.resolve(defaults.modelPath()), checkpoint.resolve("flux"), defaults.upscaleFactor(), numerics, false));
            return opening.done(new FixedDecoder(
                    ImageTokenizer.load(model, numerics),
                    decoder,
                    settings.steps() == null ? defaults.numInferenceSteps() : settings.steps(),
                    settings.guidance() == null ? defaults.cfgScale() : settings.guidance()));
        }
    }

    /** Paints each of those that are the same, noise included, once. */
    @Override
    public List<Pixels> paint(List<Prompt> prompts, List<Rollout> rollouts, long[] seeds) {
        Distinct<Painting> paintings = Distinct.of(IntStream.range(0, rollouts.size())
                .mapToObj(i -> new Painting(prompts.get(i).text(), rollouts.get(i).image(), seeds[i]))
                .toList());
        List<Painting> once = paintings.items();
        List<Size> sizes = once.stream().map(p -> Size.of(p.image())).toList();
        Pixels[] pictures = new Pixels[once.size()];
        for (List<Integer> some : DiffusionDecoder.groups(sizes, Size::height, Size::width)) {
            List<Pixels> painted = paint(sizes.get(some.getFirst()), some.stream().map(once::get).toList());
            for (int i = 0; i < some.size(); i++) {
                pictures[some.get(i)] = painted.get(i);
            }
        }
        return paintings.spread(List.of(pictures));
    }

    private List<Pixels> paint(Size size, List<Painting> paintings) {
        List<Randomness> noise = paintings.stream().map(p -> new Randomness(p.seed())).toList();
        try (Scope scope = Scope.plain()) {
            List<DiffusionDecoder.Picture> pictures = new ArrayList<>();
            for (int i = 0; i < paintings.size(); i++) {
                Painting painting = paintings.get(i);
                pictures.add(new DiffusionDecoder.Picture(tokenizer.features(painting.image()), painting.prompt(), noise.get(i)));
            }
            var request = new DiffusionDecoder.Request(size.height, size.width, "", steps, guidance, null);
            return decoder.decode(pictures, request, DiffusionDecoder.Progress.NONE, () -> false);
        } finally {
            noise.forEach(Randomness::close);
        }
    }

    /** All that a picture depends on. */
    private record Painting(String prompt, ImageTokens image, long seed) {}

    /** Of a grid of tokens. */
    private record Size(int height, int width) {
        static Size of(ImageTokens image) {
            return new Size(image.height(), image.width());
        }
    }

    @Override
    public void close() {
        decoder.close();
        tokenizer.close();
    }
}
