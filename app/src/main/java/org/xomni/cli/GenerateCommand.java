package org.xomni.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.Checkpoint;
import org.xomni.DrawRequest;
import org.xomni.Drawing;
import org.xomni.XOmni;
import org.xomni.autoregressive.Sampling;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.image.ImageTokens;
import org.xomni.image.PngWriter;
import org.xomni.image.TokensFile;
import org.xomni.tensor.InputException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni generate PROMPT}: text to image. */
@Command(name = "generate", mixinStandardHelpOptions = true, description = "Draws an image.")
final class GenerateCommand implements Callable<Integer> {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,6})[xX](\\d{1,6})");
    private static final int MOST_IMAGES = 10_000;

    @Parameters(paramLabel = "PROMPT", description = "What the image shows.")
    String prompt = "";

    @Option(names = "--size", paramLabel = "HxW", description = "Pixels, height x width. Default: the checkpoint's.")
    @Nullable
    String size;

    @Option(names = "-n", paramLabel = "N", defaultValue = "1", description = "How many images, with seeds S, S+1, ... Default: 1.")
    int count;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1234", description = "Default: 1234.")
    long seed;

    @Option(names = "--tokens-out", paramLabel = "FILE.json", description = "Also writes the image tokens.")
    @Nullable
    Path tokensOut;

    @Option(names = {"-o", "--output"}, paramLabel = "FILE.png", defaultValue = "xomni.png",
            description = "Default: xomni.png; with -n, FILE-1.png ... FILE-N.png.")
    Path output = Path.of("xomni.png");

    @Mixin
    SamplingOptions samplingOptions = new SamplingOptions();

    @Mixin
    DecodeOptions decodeOptions = new DecodeOptions();

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() {
        if (count < 1 || count > MOST_IMAGES) {
            throw new InputException("-n " + count + " is not 1.." + MOST_IMAGES + "; ask for at least one image");
        }
        Sampling sampling = samplingOptions.sampling();
        if (prompt.isBlank()) {
            throw new InputException("the prompt is empty; say what to draw");
        }
        Outputs.requirePictures(output, count);
        if (tokensOut != null) {
            Outputs.requireWritable(tokensOut);
            requireOwnPlace(tokensOut);
        }
        try (XOmni xomni = modelOptions.load();
                ProgressBars progress = new ProgressBars()) {
            Checkpoint.Size pixels = size == null ? xomni.checkpoint().defaultSize() : parse(size);
            List<DrawRequest> requests = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                requests.add(new DrawRequest(prompt, pixels.height(), pixels.width(), sampling, seed + i, decodeOptions.settings()));
            }
            xomni.draw(requests, progress, this::writeTokens, (drawing, i) -> write(drawing, i, sampling, pixels, xomni.checkpoint().decoder()));
        }
        return 0;
    }

    private void requireOwnPlace(Path tokens) {
        for (int i = 0; i < count; i++) {
            if (Outputs.numbered(output, i, count).toAbsolutePath().normalize().equals(tokens.toAbsolutePath().normalize())) {
                throw new InputException("--tokens-out " + tokens + " is also the name of an image; name another file");
            }
        }
    }

    private void writeTokens(List<ImageTokens> drawn) {
        if (tokensOut != null) {
            TokensFile.write(tokensOut, IntStream.range(0, count).mapToObj(i -> new TokensFile.Entry(drawn.get(i), seed + i, prompt)).toList());
        }
    }

    private void write(Drawing drawing, int i, Sampling sampling, Checkpoint.Size pixels, DecoderDefaults decoder) {
        Path file = Outputs.numbered(output, i, count);
        var parameters = Outputs.parameters(sampling, decodeOptions.settings(), decoder, pixels.height(), pixels.width());
        PngWriter.write(file, drawing.pixels(), Outputs.texts(prompt, drawing.seed(), parameters));
        System.err.println(file);
    }

    private static Checkpoint.Size parse(String size) {
        Matcher m = SIZE.matcher(size);
        if (!m.matches()) {
            throw new InputException("--size " + size + " is not HEIGHTxWIDTH in pixels; write for instance --size 1152x1152");
        }
        return new Checkpoint.Size(Integer.parseInt(m.group(1)), Integer.parseInt(m.group(2)));
    }
}
