package org.xomni;

import java.util.List;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.decoder.Tiles;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.Lazy;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tokenizer.ImageTokenizer;

/**
 * Tokens to pixels: their features, and the diffusion decoder.
 *
 * @param defaults what settings leave open
 * @param offload whether the tokenizer's memory is freed once the features are there
 */
record TokenDecoder(DecoderDefaults defaults, Lazy<ImageTokenizer> tokenizer, Lazy<DiffusionDecoder> decoder, boolean offload) {

    /**
     * What to make pixels of.
     *
     * @param drawn how many tokens count; the features of the others are zero, which is what the decoder knows as "not told"
     * @param shown the prompt as the models read it, {@link XOmni#asRead}
     * @param seed of the decoder's noise
     */
    record Picture(ImageTokens tokens, int drawn, String shown, long seed, DecodeSettings settings) {

        /** Whether both can be decoded side by side. */
        boolean goesWith(Picture other) {
            return shape().equals(other.shape());
        }

        private Shape shape() {
            return new Shape(tokens.height(), tokens.width(), settings);
        }
    }

    private record Shape(int height, int width, DecodeSettings settings) {}

    /** Whether one thread makes them as fast as several would; such may be made at the same time. */
    boolean isSmall(List<Picture> pictures) {
        ImageTokens first = pictures.getFirst().tokens();
        return decoder.get().isSmall(pictures.size(), first.height(), first.width());
    }

    /** One image. */
    Pixels decode(Picture picture, Progress progress) {
        return decode(List.of(picture), progress).getFirst();
    }

    /** Images in the order of the pictures; those of the same shape side by side. */
    List<Pixels> decode(List<Picture> pictures, Progress progress) {
        Pixels[] all = new Pixels[pictures.size()];
        decode(pictures, progress, (pixels, i) -> all[i] = pixels);
        return List.of(all);
    }

    /** The same, each with its place among the pictures as soon as it is there. */
    void decode(List<Picture> pictures, Progress progress, ObjIntConsumer<Pixels> painted) {
        List<List<Integer>> groups = DiffusionDecoder.groups(pictures.stream().map(Picture::shape).toList(), Shape::height, Shape::width);
        for (int g = 0; g < groups.size(); g++) {
            List<Integer> group = groups.get(g);
            int before = g;
            List<Pixels> some = together(
                    group.stream().map(pictures::get).toList(),
                    (done, steps) -> progress.report(Progress.Phase.DECODING, before * steps + done, groups.size() * steps),
                    progress);
            for (int i = 0; i < some.size(); i++) {
                painted.accept(some.get(i), group.get(i));
            }
        }
    }

    private List<Pixels> together(List<Picture> pictures, DiffusionDecoder.Progress progress, Progress overall) {
        ImageTokens tokens = pictures.getFirst().tokens();
        DecodeSettings settings = pictures.getFirst().settings();
        int steps = settings.steps() != null ? settings.steps() : defaults.numInferenceSteps();
        double guidance = settings.guidance() != null ? settings.guidance() : defaults.cfgScale();
        var request = new DiffusionDecoder.Request(
                tokens.height(), tokens.width(), "", steps, guidance, settings.tiled() ? Tiles.DEFAULT : null);
        DiffusionDecoder d = decoder.get();
        d.requireArea(tokens.height(), tokens.width());
        List<Randomness> noise = pictures.stream().map(p -> new Randomness(p.seed())).toList();
        try (Scope scope = Scope.plain()) {
            List<DiffusionDecoder.Picture> wanted = IntStream.range(0, pictures.size())
                    .mapToObj(i -> new DiffusionDecoder.Picture(features(pictures.get(i)), pictures.get(i).shown(), noise.get(i)))
                    .toList();
            if (offload) {
                tokenizer.close();
            }
            return d.decode(wanted, request, progress, overall::cancelled);
        } finally {
            noise.forEach(Randomness::close);
        }
    }

    private Tensor features(Picture picture) {
        Tensor features = tokenizer.get().features(picture.tokens());
        if (picture.drawn() < features.size(0)) {
            try (Scope inference = Scope.inference()) {
                Tensor unused = features.narrow(0, picture.drawn(), features.size(0) - picture.drawn()).zero_();
            }
        }
        return features;
    }
}
