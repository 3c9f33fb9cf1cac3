package org.xomni.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xomni.XOmni;
import org.xomni.data.AnnotatedImages;
import org.xomni.data.Filters;
import org.xomni.data.Records;
import org.xomni.data.SampleSource;
import org.xomni.data.TokenShardsWriter;
import org.xomni.data.TokenizerFingerprint;
import org.xomni.data.WebDataset;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tokenizer.ImageTokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code xomni data tokenize}: samples with their pictures as tokens, which training reads without the image tokenizer. */
@Command(name = "tokenize", mixinStandardHelpOptions = true, description = "Tokenises the pictures of samples into a cache for training.")
final class DataTokenizeCommand implements Callable<Integer> {
    private static final String SIGNS = "signs";

    @Parameters(paramLabel = "SOURCE",
            description = "A folder of WebDataset .tar shards, a .jsonl or .json file of captions or conversations, or the word signs.")
    String source = "";

    @Mixin
    ShardOptions shards = new ShardOptions();

    @Mixin
    SignsOptions signs = new SignsOptions();

    @Option(names = "--images", paramLabel = "DIR", description = "Where the images of a .jsonl or .json file are. Default: its folder.")
    @Nullable
    Path images;

    @Option(names = "--count", paramLabel = "N", description = "How many samples. Default: all of the source; needed for signs.")
    @Nullable
    Long count;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "16", description = "Pictures in one pass of the tokenizer. Default: 16.")
    int batch;

    @Mixin
    FilterOptions filters = new FilterOptions();

    @Mixin
    ModelOptions model = new ModelOptions();

    @Override
    public Integer call() {
        model.applyThreads();
        if (source.equals(SIGNS)) {
            if (count == null) {
                throw new InputException("signs never end; say with --count how many to tokenise");
            }
            tokenize(signs.world(), count, signs.about());
            return 0;
        }
        try (Records records = open(Path.of(source))) {
            long all = records.size();
            if (all == 0) {
                throw new InputException(source + " holds no samples; name another source");
            }
            if (count != null && count > all) {
                throw new InputException("--count " + count + " is more than the " + all + " samples of " + source
                        + "; leave it out to take all");
            }
            tokenize(records::record, count == null ? all : count, Map.of("source", source, "records", Long.toString(all)));
        }
        return 0;
    }

    private Records open(Path path) {
        if (Files.isDirectory(path)) {
            return WebDataset.in(path);
        }
        String name = path.toString();
        if (name.endsWith(".jsonl") || name.endsWith(".json")) {
            return new AnnotatedImages(path, images != null ? images : Objects.requireNonNull(path.toAbsolutePath().getParent()));
        }
        throw new InputException(source + " is neither a folder of .tar shards, nor a .jsonl or .json file, nor the word signs");
    }

    private void tokenize(SampleSource samples, long many, Map<String, String> about) {
        Path folder = model.model == null ? XOmni.defaultModel() : model.model;
        // In float32 unless asked otherwise: what is cached should be exact.
        DType dtype = model.dtype == null ? DType.FLOAT32 : DType.named(model.dtype);
        try (ImageTokenizer tokenizer = ImageTokenizer.load(folder, Numerics.on(model.device, dtype, Quantization.NONE))) {
            Map<String, String> settings = new HashMap<>(about);
            // No folder mixes tokens of two tokenizers, and no training takes those of another.
            String unused = settings.put("tokenizer", TokenizerFingerprint.of(folder));
            unused = settings.put("codebook", Integer.toString(tokenizer.config().encoder().codebookSize()));
            unused = settings.put("dtype", dtype.name());
            TokenShardsWriter writer = new TokenShardsWriter(tokenizer, batch, shards.readers);
            Filters chosen = filters.filters();
            SampleSource accepted = chosen == null ? samples : chosen.over(samples);
            if (chosen != null) {
                unused = settings.put("filters", chosen.toString());
            }
            shards.run(many, done -> writer.write(shards.folder, accepted, many, shards.perShard, settings, done));
        }
    }
}
