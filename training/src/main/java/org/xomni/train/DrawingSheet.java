package org.xomni.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.image.ContactSheet;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.XOmniException;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.ImageTokenizer;

/**
 * What the unified model draws while it is trained: for the first raw prompts of its data the picture of the data, as its tokens show it, and beside it what the model draws, by the
 * reference's sampling and always from the same random numbers. The prompts stand in a text file beside it.
 *
 * <p>Pixels come from the checkpoint's decoder, which is opened for each sheet: it may be trained beside this stage, and is not there at all at first. A sheet that cannot be drawn is
 * left out; training goes on.
 */
final class DrawingSheet {
    private static final Logger LOG = LoggerFactory.getLogger(DrawingSheet.class);
    /** Samples that are looked at to find one that draws. */
    private static final int LOOKED_AT = 64;
    /** Four pairs. */
    private static final int COLUMNS = 8;

    private final Path checkpoint;
    private final SampleSource source;
    private final int count;
    private final List<Sample.Generation> samples = new ArrayList<>();
    private boolean searched;
    private boolean told;

    /**
     * @param checkpoint the folder with {@code model/} and {@code flux/}
     * @param source stays the caller's
     * @param count of prompts, 0 for no sheets
     */
    DrawingSheet(Path checkpoint, SampleSource source, int count) {
        this.checkpoint = checkpoint;
        this.source = source;
        this.count = count;
    }

    /**
     * Draws.
     *
     * @param file a PNG to write
     * @return whether it could be: there is a decoder, and a raw prompt in the data
     */
    boolean write(UnifiedModel model, TextTokenizer text, Path file) {
        if (samples().isEmpty()) {
            return false;
        }
        Path folder = checkpoint.resolve("model");
        Numerics numerics = Numerics.on(model.numerics().device(), DType.FLOAT32, Quantization.NONE);
        try (Opening opening = new Opening()) {
            DecoderDefaults defaults = DecoderDefaults.of(ConfigFile.read(folder.resolve("config.json")).child("vision_config").child("decoder"));
            DiffusionDecoder decoder = opening.add(DiffusionDecoder.load(
                    folder.resolve(defaults.modelPath()), checkpoint.resolve("flux"), defaults.upscaleFactor(), numerics, false));
            ImageTokenizer tokenizer = opening.add(ImageTokenizer.load(folder, numerics));
            List<ImageTokens> drawn = draw(model, new Vocabulary(model.config(), text), text);
            List<Pixels> pictures = new ArrayList<>();
            List<String> captions = new ArrayList<>();
            for (int i = 0; i < drawn.size(); i++) {
                for (ImageTokens image : List.of(tokens(samples.get(i)), drawn.get(i))) {
                    var request = new DiffusionDecoder.Request(
                            image.height(), image.width(), samples.get(i).prompt(), defaults.numInferenceSteps(), defaults.cfgScale(), null);
                    try (Scope scope = Scope.plain(); Randomness noise = new Randomness(i)) {
                        pictures.add(decoder.decode(tokenizer.features(image), request, noise, DiffusionDecoder.Progress.NONE, () -> false));
                    }
                }
                captions.add("data: " + samples.get(i).prompt());
                captions.add("drawn: " + samples.get(i).prompt());
            }
            ContactSheet.write(file, pictures, captions, COLUMNS);
            return true;
        } catch (RuntimeException e) {
            if (!told) {
                LOG.warn("no sheet is drawn as long as this is so: {}", e instanceof XOmniException ? e.getMessage() : e.toString());
                told = true;
            }
            return false;
        }
    }

    /** The same at each checkpoint; looked for once. */
    private List<Sample.Generation> samples() {
        for (long i = 0; !searched && samples.size() < count && i < (long) LOOKED_AT * count; i++) {
            try {
                if (source.sample(i) instanceof Sample.Generation asked) {
                    samples.add(asked);
                }
            } catch (BrokenSample e) {
                LOG.debug("not shown: {}", e.getMessage());
            }
        }
        searched = true;
        return samples;
    }

    private static ImageTokens tokens(Sample.Generation sample) {
        return switch (sample.picture()) {
            case Picture.Tokenised(ImageTokens tokens) -> tokens;
            case Picture.Raw _ -> throw new IllegalStateException(sample.key() + " is not tokenised, and trains nothing");
        };
    }

    private List<ImageTokens> draw(UnifiedModel model, Vocabulary vocabulary, TextTokenizer text) {
        List<Batch.Request> requests = new ArrayList<>();
        for (Sample.Generation sample : samples) {
            ImageTokens size = tokens(sample);
            int[] header = vocabulary.imageHeader(size.height(), size.width());
            int[] prompt = IntStream.concat(IntStream.of(text.encode(sample.prompt())), IntStream.of(header)).toArray();
            requests.add(new Batch.Request(
                    prompt, null, Head.IMAGE, Sampling.IMAGE, requests.size(), Set.of(), Set.of(), size.height() * size.width(), id -> {}));
        }
        List<int[]> drawn = Batch.draw(model, requests);
        return IntStream.range(0, drawn.size())
                .mapToObj(i -> vocabulary.drawn(tokens(samples.get(i)).height(), tokens(samples.get(i)).width(), drawn.get(i)))
                .toList();
    }
}
