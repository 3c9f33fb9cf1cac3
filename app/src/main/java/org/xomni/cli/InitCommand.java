package org.xomni.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.train.UnifiedFromQwen;
import org.xomni.train.Vit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni init OUT --qwen DIR}: a checkpoint to train, put together from existing models. */
@Command(
        name = "init",
        mixinStandardHelpOptions = true,
        description = "Makes a checkpoint to train from a Qwen2.5 language model, with fresh parts for images.")
final class InitCommand implements Callable<Integer> {
    @Parameters(paramLabel = "OUT", description = "Folder to write model/ and flux/ to; must not exist, or be empty.")
    Path out = Path.of("");

    @Option(names = "--qwen", required = true, paramLabel = "DIR", description = "Folder of a Qwen2.5 model.")
    Path qwen = Path.of("");

    @Option(names = "--siglip", paramLabel = "FILE.pt", description = "State dict of a SigLIP2 ViT, for the image tokenizer.")
    @Nullable
    Path siglip;

    @Option(names = "--siglip-heads", paramLabel = "N", description = "Attention heads of the ViT, if it is not a published one.")
    int siglipHeads;

    @Option(names = "--flux", paramLabel = "DIR", description = "FLUX.1-dev pipeline folder, for the decoder.")
    @Nullable
    Path flux;

    @Option(names = "--image-vocab", paramLabel = "K", defaultValue = "16384", description = "Image tokens. Default: 16384.")
    int imageVocab = 16_384;

    @Option(names = "--adapter-layers", paramLabel = "N", defaultValue = "4", description = "Vision-specific blocks at the start. Default: 4.")
    int adapterLayers = 4;

    @Option(names = "--head-layers", paramLabel = "N", defaultValue = "4", description = "Vision-specific blocks at the end. Default: 4.")
    int headLayers = 4;

    @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "Of fresh parameters. Default: 0.")
    long seed;

    @Option(names = "--debug", description = "Show the stack trace of an error.")
    boolean debug;

    @Override
    public Integer call() {
        Vit vit = siglip == null ? null : Vit.read(siglip, siglipHeads);
        new UnifiedFromQwen(qwen, vit, flux, imageVocab, adapterLayers, headLayers, seed).write(out);
        System.err.println("written: " + out.resolve("model"));
        return 0;
    }
}
