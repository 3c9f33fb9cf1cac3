package org.xomni.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.XOmni;
import org.xomni.image.Pixels;
import org.xomni.image.PngWriter;
import org.xomni.image.TokensFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni detokenize TOKENS.json}: tokens to pixels. */
@Command(name = "detokenize", mixinStandardHelpOptions = true, description = "Turns tokens back into an image.")
final class DetokenizeCommand implements Callable<Integer> {
    private static final long DEFAULT_SEED = 1234;

    @Parameters(paramLabel = "TOKENS.json", description = "What tokenize --json or generate --tokens-out wrote.")
    Path tokens = Path.of("");

    @Option(names = "--prompt", paramLabel = "P", description = "What the image shows. Default: the prompt in the file, or none.")
    @Nullable
    String prompt;

    @Option(names = "--seed", paramLabel = "S", description = "Of the decoder's noise. Default: the seed in the file, or 1234.")
    @Nullable
    Long seed;

    @Option(names = {"-o", "--output"}, paramLabel = "FILE.png", defaultValue = "xomni.png",
            description = "Default: xomni.png; for a list of N images, FILE-1.png ... FILE-N.png.")
    Path output = Path.of("xomni.png");

    @Mixin
    DecodeOptions decodeOptions = new DecodeOptions();

    @Mixin
    ModelOptions modelOptions = new ModelOptions();

    @Override
    public Integer call() {
        List<TokensFile.Entry> entries = TokensFile.read(tokens);
        Outputs.requirePictures(output, entries.size());
        try (XOmni xomni = modelOptions.load();
                ProgressBars progress = new ProgressBars()) {
            int codes = xomni.checkpoint().tokenizer().encoder().codebookSize();
            entries.forEach(entry -> entry.tokens().requireCodebook(codes));
            for (int i = 0; i < entries.size(); i++) {
                TokensFile.Entry entry = entries.get(i);
                String shown = prompt != null ? prompt : entry.prompt() != null ? entry.prompt() : "";
                long noise = seed != null ? seed : entry.seed() != null ? entry.seed() : DEFAULT_SEED;
                Pixels pixels = xomni.detokenize(entry.tokens(), shown, noise, decodeOptions.settings(), progress);
                Path file = Outputs.numbered(output, i, entries.size());
                PngWriter.write(file, pixels, Outputs.texts(shown, noise, Outputs.parameters(decodeOptions.settings(), xomni.checkpoint().decoder())));
                System.err.println(file);
            }
        }
        return 0;
    }
}
