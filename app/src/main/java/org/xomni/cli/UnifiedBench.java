package org.xomni.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.Sequence;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.train.TrainingSpeed;

/** The unified model's speed: reading a prompt, and drawing image tokens one by one. */
final class UnifiedBench {
    /** A run should take about this long. */
    private static final double SECONDS = 1;
    /** Of a run of drawing, between which the machine is measured: what else goes on changes from second to second. */
    private static final int PIECES = 4;

    private static final double WARM_UP_SECONDS = 4;
    private static final int MOST_TOKENS = 512;
    private static final int CONTROL_TOKENS = 16;

    private UnifiedBench() {}

    /** Tokens drawn a second, sampling included, all rows together, from {@code --context} positions on. */
    static void decode(BenchCommand shape, Numerics numerics, Map<String, Object> line) {
        UnifiedConfig config = config(shape);
        try (UnifiedModel model = model(config, numerics);
                Batch batch = new Batch(model, shape.batch, config.maxPositions())) {
            double perToken = warmUp(batch, config, shape);
            int tokens = (int) Math.max(4, Math.min(MOST_TOKENS, SECONDS / PIECES / perToken));
            double seconds = Stopwatch.median(() -> draw(batch, config, shape, tokens), PIECES, line);
            double steps = tokens / seconds;
            double weights = blockWeights(config) + (double) config.hiddenSize() * config.imageVocabSize();
            line.put("tokens_per_s", Stopwatch.round(steps * shape.batch));
            WeightTraffic.put(line, WeightTraffic.bytes(weights, numerics), 1, shape.batch, 1 / steps);
        }
    }

    /** Draws until the compilers have seen enough, for which reading prompts does not count; seconds a token in the end. */
    private static double warmUp(Batch batch, UnifiedConfig config, BenchCommand shape) {
        int tokens = 2;
        double last = draw(batch, config, shape, tokens);
        for (double all = last; all < WARM_UP_SECONDS; all += last) {
            tokens = Math.min(MOST_TOKENS, 2 * tokens);
            last = draw(batch, config, shape, tokens);
        }
        return last / tokens;
    }

    /** Seconds of drawing; reading the prompts before it does not count. */
    private static double draw(Batch batch, UnifiedConfig config, BenchCommand shape, int tokens) {
        List<Sequence> rows = new ArrayList<>();
        for (int b = 0; b < shape.batch; b++) {
            int[] prompt = randomImageIds(config, shape.context, b);
            rows.add(batch.join(new Batch.Request(prompt, null, Head.IMAGE, Sampling.IMAGE, b, Set.of(), Set.of(), tokens, id -> {})));
        }
        double start = Stopwatch.now();
        boolean more = true;
        while (more) {
            more = batch.step();
        }
        return Stopwatch.now() - start;
    }

    /** Prompt tokens read a second, all rows together. */
    static void prefill(BenchCommand shape, Numerics numerics, Map<String, Object> line) {
        UnifiedConfig config = config(shape);
        try (UnifiedModel model = model(config, numerics)) {
            double seconds = Stopwatch.median(() -> read(model, config, shape), line);
            double tokens = (double) shape.context * shape.batch / seconds;
            line.put("tokens_per_s", Stopwatch.round(tokens));
            line.put("gflops", Stopwatch.round(2 * blockWeights(config) * tokens / 1e9));
            WeightTraffic.put(line, WeightTraffic.bytes(blockWeights(config), numerics), 1, (long) shape.context * shape.batch, seconds);
        }
    }

    private static double read(UnifiedModel model, UnifiedConfig config, BenchCommand shape) {
        int[] ids = randomImageIds(config, shape.context * shape.batch, 0);
        double start = Stopwatch.now();
        try (Scope scope = Scope.inference()) {
            Tensor ids_BL = Tensors.ids(ids).to(model.numerics().torchDevice(), ScalarType.Long).view(shape.batch, shape.context);
            // Reading the last value waits for a GPU.
            float[] last = Tensors.floats(model.forward(ids_BL).select(0, 0).select(0, shape.context - 1));
            assert last.length == config.hiddenSize();
        }
        return Stopwatch.now() - start;
    }

    /** Tokens trained a second in rows of {@code --context}, optimiser included, and the matrix rates that bound them. */
    static void train(BenchCommand shape, Numerics numerics, Map<String, Object> line) {
        long rows = (long) shape.batch * shape.context;
        double bf16 = TrainingSpeed.matrixRate(numerics, ScalarType.BFloat16, rows, shape.hidden, shape.ffn);
        double fp32 = TrainingSpeed.matrixRate(numerics, ScalarType.Float, rows, shape.hidden, shape.ffn);
        try (TrainingSpeed training = new TrainingSpeed(config(shape), numerics, shape.batch, shape.context)) {
            double seconds = Stopwatch.median(() -> {
                double start = Stopwatch.now();
                double loss = training.step();
                assert Double.isFinite(loss);
                return Stopwatch.now() - start;
            }, line);
            double tokens = rows / seconds;
            double useful = 6.0 * training.parameters() * tokens;
            line.put("parameters", training.parameters());
            line.put("tokens_per_s", Stopwatch.round(tokens));
            line.put("useful_gflops", Stopwatch.round(useful / 1e9));
            line.put("matrix_gflops_bf16", Stopwatch.round(bf16 / 1e9));
            line.put("matrix_gflops_fp32", Stopwatch.round(fp32 / 1e9));
            line.put("share_of_matrix_rate", Stopwatch.round(useful / Math.max(bf16, fp32)));
        }
    }

    static UnifiedConfig config(BenchCommand shape) {
        int keyValueHeads = shape.keyValueHeads == null ? shape.heads : shape.keyValueHeads;
        int headWidth = Math.max(2, shape.hidden / Math.max(1, shape.heads));
        return new UnifiedConfig(
                shape.hidden, shape.ffn, shape.layers, Math.min(1, shape.layers), 0, shape.heads, keyValueHeads, headWidth, shape.vocab,
                shape.imageVocab + CONTROL_TOKENS, shape.imageVocab, shape.context + MOST_TOKENS, 1e6, 1e-6, List.of("<SOM>", "<EOM>", "<IMAGE>"));
    }

    private static UnifiedModel model(UnifiedConfig config, Numerics numerics) {
        return UnifiedModel.of(config, ParameterStore.random(1, 0.02, numerics));
    }

    private static int[] randomImageIds(UnifiedConfig config, int count, long seed) {
        return new Random(seed).ints(count, config.vocabSize(), config.vocabSize() + config.imageVocabSize()).toArray();
    }

    /** Scalars in the matrices of all blocks. */
    private static double blockWeights(UnifiedConfig c) {
        double attention = (double) c.hiddenSize() * c.headWidth() * (2L * c.heads() + 2L * c.keyValueHeads());
        double mlp = 3.0 * c.hiddenSize() * c.intermediateSize();
        return c.layers() * (attention + mlp);
    }
}
