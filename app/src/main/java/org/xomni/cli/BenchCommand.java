package org.xomni.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni bench WHAT}: speed on random weights of a given shape, as one line of JSON. Nothing is read from disk, but for {@code rl --recipe}. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        subcommands = ServeBench.class,
        description = {
            "Measures speed on random weights of a given shape and prints one line of JSON.",
            "Each figure is the median of 5 (of rl without --recipe one step after a first); the machine's read bandwidth is measured in turns with them.",
            "bench serve puts a server under load instead; see its own --help."
        })
final class BenchCommand implements Callable<Integer> {
    /** What can be measured. */
    enum What {
        decode,
        prefill,
        tokenizer,
        decoder,
        train,
        rl
    }

    @Parameters(paramLabel = "WHAT", arity = "0..1", description = "decode, prefill, tokenizer, decoder, train or rl.")
    @Nullable
    What what;

    @Option(names = "--hidden", paramLabel = "N", defaultValue = "256", description = "Width. Default: 256.")
    int hidden;

    @Option(names = "--layers", paramLabel = "N", defaultValue = "8", description = "Default: 8.")
    int layers;

    @Option(names = "--heads", paramLabel = "N", defaultValue = "4", description = "Default: 4.")
    int heads;

    @Option(names = "--kv-heads", paramLabel = "N", description = "Key-value heads. Default: those of --heads.")
    @Nullable
    Integer keyValueHeads;

    @Option(names = "--ffn", paramLabel = "N", defaultValue = "688", description = "Width of the MLP. Default: 688.")
    int ffn;

    @Option(names = "--vocab", paramLabel = "N", defaultValue = "512", description = "Text vocabulary. Default: 512.")
    int vocab;

    @Option(names = "--image-vocab", paramLabel = "N", defaultValue = "1024", description = "Image vocabulary. Default: 1024.")
    int imageVocab;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "1", description = "Rows or images at once. Default: 1.")
    int batch;

    @Option(names = "--context", paramLabel = "N", defaultValue = "256", description = "Tokens already read, or tokens of an image. Default: 256.")
    int context;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "28", description = "Decoder steps for an image. Default: 28.")
    int steps;

    @Option(names = "--dtype", paramLabel = "D", defaultValue = "float32", description = "float32 or bfloat16. Default: float32.")
    String dtype = "float32";

    @Option(names = "--quantize", paramLabel = "Q", defaultValue = "none", description = "int8 (weight-only) or none. Default: none.")
    String quantize = "none";

    @Option(
            names = "--recipe",
            paramLabel = "FILE",
            description = "rl only: steps of this recipe, with its checkpoint, prompts and rewards, in place of random weights of a shape.")
    @Nullable
    Path recipe;

    @Mixin
    ComputeOptions compute = new ComputeOptions();

    @Override
    public Integer call() {
        What measured = what;
        if (measured == null) {
            throw new InputException("what to measure is missing; name decode, prefill, tokenizer, decoder, train or rl, or use bench serve");
        }
        if (batch < 1 || batch > 4096 || context < 1 || context > 1 << 20 || steps < 1) {
            throw new InputException("--batch " + batch + ", --context " + context + " or --steps " + steps + " is out of range; use at least 1");
        }
        if (recipe != null && measured != What.rl) {
            throw new InputException("--recipe is for bench rl; give bench " + measured + " a shape");
        }
        compute.applyThreads();
        if (recipe != null) {
            System.out.println(Json.mapper().writeValueAsString(RlBench.recipe(recipe, compute.device)));
            return 0;
        }
        Numerics numerics = Numerics.on(compute.device, DType.named(dtype), Quantization.named(quantize));
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("bench", measured.name());
        line.put("hidden", hidden);
        line.put("layers", layers);
        line.put("heads", heads);
        line.put("kv_heads", keyValueHeads == null ? heads : keyValueHeads);
        line.put("ffn", ffn);
        line.put("vocab", vocab);
        line.put("image_vocab", imageVocab);
        line.put("batch", batch);
        line.put("context", context);
        line.put("dtype", dtype);
        line.put("quantize", quantize);
        line.put("device", compute.device);
        line.put("threads", Engine.threads());
        switch (measured) {
            case decode -> UnifiedBench.decode(this, numerics, line);
            case prefill -> UnifiedBench.prefill(this, numerics, line);
            case tokenizer -> VisionBench.tokenizer(this, numerics, line);
            case decoder -> VisionBench.decoder(this, numerics, line);
            case train -> UnifiedBench.train(this, numerics, line);
            case rl -> RlBench.rl(this, UnifiedBench.config(this), numerics, line);
        }
        System.out.println(Json.mapper().writeValueAsString(line));
        return 0;
    }
}
