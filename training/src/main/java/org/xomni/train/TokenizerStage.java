package org.xomni.train;

// Shapes: B images, Y x X pixels, h x w tokens, L = h*w, N = B*L features, D feature width, C code dimension, K codes, P pixels of a patch.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.data.BucketBatcher;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.Seeds;
import org.xomni.image.Pixels;
import org.xomni.nn.Linear;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.EncoderConfig;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.tokenizer.VectorQuantizer;
import org.xomni.tokenizer.VisionTransformer;

/**
 * The semantic image tokenizer (paper section 3.1): ViT and quantiser learn together with a language model that answers questions about the image
 * from its quantised features, with the losses of {@link IbqLoss}; each image skips quantisation with probability 0.1.
 *
 * <p>Departures for training from nothing at small scale: a head that paints each token's patch from its code alone (without it, letters are not
 * learned in any affordable time: docs/log.md); some first steps without quantisation, after which the codebook is spread over the features seen;
 * codes that nothing has chosen for a while start anew at badly quantised features.
 */
public final class TokenizerStage implements Stage {
    private static final double SKIP_QUANTISATION = 0.1;
    /** Channels of a patch that differ by less, of 2, show one colour. */
    private static final double FLAT = 0.02;
    /** How much more patches count that show something. */
    private static final double DETAIL = 4;

    /**
     * What this stage's recipe says beside the loop.
     *
     * @param batch images
     * @param grid rows and columns of learned positions
     * @param temperature of IBQ; the paper's is 2
     * @param continuous first steps without quantisation
     * @param spread batches whose features the codebook is spread over after them
     * @param resetAfter steps without use after which a code starts anew; 0 for never
     * @param resetUntil the last step at which codes start anew
     * @param languageShare of each batch that is also asked questions, 0 to 1
     * @param language weight of the language model's loss
     * @param pixels weight of the patch painter's loss; 0 for none
     * @param commitment weight of the IBQ loss
     * @param painterWidth hidden width of the patch painter
     * @param model sizes of the language model
     */
    public record Settings(
            int batch,
            int grid,
            double temperature,
            long continuous,
            int spread,
            long resetAfter,
            long resetUntil,
            double languageShare,
            double language,
            double pixels,
            double commitment,
            int painterWidth,
            Language model) {
        public Settings {
            if (batch < 1 || grid < 1 || !(temperature > 0) || continuous < 0 || spread < 1 || painterWidth < 1) {
                throw new InputException("batch " + batch + ", grid " + grid + ", spread " + spread + ", painter-width " + painterWidth
                        + " must be at least 1, temperature " + temperature + " above 0, continuous " + continuous + " not negative");
            }
            if (!(languageShare >= 0 && languageShare <= 1)) {
                throw new InputException("language-share is " + languageShare + ", expected a share from 0 to 1");
            }
        }
    }

    /** Sizes of the language model. */
    public record Language(int width, int layers, int heads) {}

    /** Paints a patch from its token's code: C to P. */
    record Painter(ParameterStore store, Linear first, Linear second) {
        static Painter of(ParameterStore store, int codeWidth, int hidden, int patch) {
            return new Painter(store, Linear.of(store.root().at("first"), codeWidth, hidden), Linear.of(store.root().at("second"), hidden, 3L * patch * patch));
        }

        Tensor forward(Tensor z_NC) {
            return second.forward(torch.gelu(first.forward(z_NC)));
        }
    }

    private final Settings settings;
    private final long seed;
    private final EncoderConfig config;
    private final SampleSource source;
    private final int threads;
    private final TextTokenizer text;
    private final ParameterStore vitStore;
    private final ParameterStore quantizerStore;
    private final VisionTransformer vit;
    private final VectorQuantizer quantizer;
    private final AlignmentModel language;
    private final Painter painter;
    /** For each code, how many steps ago it was chosen; fp32 [K]. */
    private final Tensor unused_K;
    /** Features of the last batch and how far they are from their codes. */
    private @Nullable Tensor lastFeatures;
    private @Nullable Tensor lastDistances;
    private BucketBatcher batcher;
    private BucketBatcher.State position = BucketBatcher.State.START;

    /**
     * @param config the checkpoint's
     * @param text the checkpoint's; this stage closes it
     * @param start the ViT to start from, whose grid of positions is the recipe's, or null for a fresh one
     * @param source dialogues with one picture each, all sides divisible by the patch size; this stage closes it
     * @param threads that make samples
     */
    public TokenizerStage(
            TokenizerConfig config, TextTokenizer text, @Nullable Path start, Settings settings, long seed, Numerics numerics,
            SampleSource source, int threads) {
        this.settings = settings;
        this.seed = seed;
        this.config = config.encoder();
        this.text = text;
        this.source = source;
        this.threads = threads;
        int patch = this.config.vit().patchSize();
        try (TorchArchive stored = start == null ? null : TorchArchive.open(start)) {
            String name = start == null ? "the ViT" : start.toString();
            this.vitStore = ParameterStore.trainable(name, stored == null ? Map.of() : stored.tensors(), Initial.normal(seed, 0), numerics);
            this.vit = VisionTransformer.of(vitStore.root(), this.config.vit(), settings.grid());
            vitStore.check();
        }
        this.quantizerStore = ParameterStore.trainable("the quantiser", Map.of(), Initial.normal(seed + 1, 0), numerics);
        this.quantizer = VectorQuantizer.of(quantizerStore.root(), this.config);
        this.language = new AlignmentModel(
                new AlignmentModel.Settings(settings.model().width(), settings.model().layers(), settings.model().heads()),
                this.config.zChannels(), text.size(), ParameterStore.trainable("the language model", Map.of(), Initial.normal(seed + 2, 0.02), numerics));
        this.painter = Painter.of(
                ParameterStore.trainable("the painter", Map.of(), Initial.normal(seed + 3, 0), numerics), this.config.codebookDim(), settings.painterWidth(), patch);
        this.unused_K = Scope.only(() -> torch.zeros(new long[] {this.config.codebookSize()}, new TensorOptions(ScalarType.Float)));
        this.batcher = new BucketBatcher(source, position, settings.batch(), threads);
    }

    @Override
    public List<ParameterGroup> groups() {
        return List.of(
                ParameterGroup.all("vit", vitStore),
                ParameterGroup.all("quantizer", quantizerStore),
                ParameterGroup.all("language", language.store()),
                ParameterGroup.all("painter", painter.store()));
    }

    @Override
    public Loss loss(long step, int microBatch) {
        BucketBatcher.Batch batch = nextBatch();
        Tensor x_B3YX = images(batch);
        Tensor z_NC = IbqLoss.unit(features(x_B3YX));
        Map<String, Tensor> parts = new LinkedHashMap<>();
        Tensor code_NC = z_NC;
        Tensor total = torch.zeros(new long[0], new TensorOptions(ScalarType.Float));
        if (step >= settings.continuous()) {
            IbqLoss ibq = IbqLoss.of(z_NC, quantizer.codebook(), settings.temperature());
            Tensor skipped_N1 = skipped(step, microBatch, batch.samples().size(), z_NC.size(0));
            code_NC = torch.where(skipped_N1, z_NC, ibq.quantized());
            total = total.add(ibq.loss(), new Scalar(settings.commitment()));
            remember(z_NC, ibq);
            parts.put("quantisation", ibq.loss());
            parts.put("codes_in_batch", torch.bincount(ibq.codes()).gt(new Scalar(0)).sum());
            parts.put("codes_in_use", unused_K.lt(new Scalar(200)).sum());
        }
        if (settings.pixels() > 0) {
            Tensor painting = paintingLoss(code_NC, x_B3YX);
            parts.put("painting", painting);
            total = total.add(painting, new Scalar(settings.pixels()));
        }
        int asked = (int) Math.round(settings.languageShare() * batch.samples().size());
        if (asked > 0) {
            Tensor grid_BChw = grid(code_NC, x_B3YX);
            Tensor answers = language.loss(quantizer.refine(grid_BChw.narrow(0, 0, asked)), exchanges(batch.samples().subList(0, asked)));
            parts.put("language", answers);
            total = total.add(answers, new Scalar(settings.language()));
        }
        return new Loss(total, parts, batch.samples().size(), z_NC.size(0));
    }

    private BucketBatcher.Batch nextBatch() {
        BucketBatcher.Batch batch = batcher.next();
        position = batch.after();
        return batch;
    }

    private static Tensor images(BucketBatcher.Batch batch) {
        List<Pixels> pictures = new ArrayList<>();
        for (Picture picture : batch.pictures()) {
            if (!(picture instanceof Picture.Raw(Pixels pixels))) {
                throw new InputException("the tokenizer learns from pictures, not from tokens; name a source of pictures in the recipe");
            }
            pictures.add(pixels);
        }
        return Pictures.batch(pictures);
    }

    /** Images to features before normalisation [N, C]. */
    private Tensor features(Tensor x_B3YX) {
        Tensor seen_BLD = vit.forward(x_B3YX);
        long patch = config.vit().patchSize();
        Tensor grid_BDhw = seen_BLD.transpose(1, 2).reshape(x_B3YX.size(0), config.zChannels(), x_B3YX.size(2) / patch, x_B3YX.size(3) / patch);
        return quantizer.toCode().forward(grid_BDhw).permute(0, 2, 3, 1).reshape(-1, config.codebookDim());
    }

    /** Which features belong to images that skip quantisation: bool [N, 1]. */
    private Tensor skipped(long step, int microBatch, int images, long features) {
        SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, microBatch));
        byte[] skipped = new byte[images];
        for (int i = 0; i < images; i++) {
            skipped[i] = (byte) (random.nextDouble() < SKIP_QUANTISATION ? 1 : 0);
        }
        Tensor each = Tensors.of(skipped, images, 1).to(ScalarType.Bool);
        return each.expand(images, features / images).reshape(features, 1);
    }

    /** [N, C] to [B, C, h, w]. */
    private Tensor grid(Tensor code_NC, Tensor x_B3YX) {
        long patch = config.vit().patchSize();
        return code_NC.view(x_B3YX.size(0), x_B3YX.size(2) / patch, x_B3YX.size(3) / patch, code_NC.size(1)).permute(0, 3, 1, 2);
    }

    /** Mean squared error of painted patches; patches that show more than one colour count four times. */
    private Tensor paintingLoss(Tensor code_NC, Tensor x_B3YX) {
        Tensor patches_NP = patches(x_B3YX);
        Tensor channels = patches_NP.view(patches_NP.size(0), 3, -1);
        Tensor range_N1 = channels.amax(new long[] {2}, false).sub(channels.amin(new long[] {2}, false)).amax(new long[] {1}, true);
        Tensor weight_N1 = range_N1.gt(new Scalar(FLAT)).to(ScalarType.Float).mul(new Scalar(DETAIL - 1)).add(new Scalar(1));
        Tensor error_N1 = painter.forward(code_NC).sub(patches_NP).square().mean(new long[] {1}, true, new ScalarTypeOptional());
        return error_N1.mul(weight_N1).sum().div(weight_N1.sum());
    }

    /** Images [B, 3, Y, X] to patches [N, 3*p*p], each channel by channel. */
    private Tensor patches(Tensor x_B3YX) {
        long p = config.vit().patchSize();
        long h = x_B3YX.size(2) / p;
        long w = x_B3YX.size(3) / p;
        return x_B3YX.view(x_B3YX.size(0), 3, h, p, w, p).permute(0, 2, 4, 1, 3, 5).reshape(x_B3YX.size(0) * h * w, 3 * p * p);
    }

    /** Patches [N, 3*p*p] back to images [B, 3, Y, X]. */
    private Tensor images(Tensor patches_NP, long batch, long h, long w) {
        long p = config.vit().patchSize();
        return patches_NP.view(batch, h, w, 3, p, p).permute(0, 3, 1, 4, 2, 5).reshape(batch, 3, h * p, w * p);
    }

    private List<AlignmentModel.Exchange> exchanges(List<Sample> samples) {
        return samples.stream().map(this::exchange).toList();
    }

    /** All turns, each ended by a line end; what the assistant says is to be learned. */
    private AlignmentModel.Exchange exchange(Sample sample) {
        if (!(sample instanceof Sample.Dialogue dialogue)) {
            throw new InputException("sample " + sample.key() + " has no question; the tokenizer learns from dialogues about pictures");
        }
        List<Integer> ids = new ArrayList<>();
        BitSet answers = new BitSet();
        for (Sample.Turn turn : dialogue.turns()) {
            for (Sample.Part part : turn.parts()) {
                if (part instanceof Sample.Part.Said(String words)) {
                    int from = ids.size();
                    for (int id : text.encode(words + "\n")) {
                        ids.add(id);
                    }
                    answers.set(from, ids.size(), turn.role() == Sample.Role.ASSISTANT);
                }
            }
        }
        return new AlignmentModel.Exchange(ids.stream().mapToInt(Integer::intValue).toArray(), answers);
    }

    private void remember(Tensor z_NC, IbqLoss ibq) {
        forget();
        lastFeatures = z_NC.detach().clone();
        lastFeatures.retainReference();
        lastDistances = ibq.distances().clone();
        lastDistances.retainReference();
        try (NoGradGuard guard = new NoGradGuard()) {
            unused_K.add_(new Scalar(1));
            unused_K.index_fill_(0, ibq.codes(), new Scalar(0));
        }
    }

    private void forget() {
        if (lastFeatures != null) {
            lastFeatures.releaseReference();
            lastFeatures = null;
        }
        if (lastDistances != null) {
            lastDistances.releaseReference();
            lastDistances = null;
        }
    }

    @Override
    public void afterStep(long step, AdamW optimizer) {
        if (step == settings.continuous() - 1) {
            spreadCodebook();
        } else if (settings.resetAfter() > 0 && step <= settings.resetUntil()) {
            restartUnusedCodes(step);
        }
    }

    /** Puts the codes where the features are: each next code at the feature that is farthest from all codes so far. */
    private void spreadCodebook() {
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            var seen = new org.bytedeco.pytorch.TensorVector();
            for (int i = 0; i < settings.spread(); i++) {
                seen.push_back(Scope.only(() -> IbqLoss.unit(features(images(nextBatch())))));
            }
            Tensor z_NC = torch.cat(seen, 0);
            Tensor nearness_N = torch.full(new long[] {z_NC.size(0)}, new Scalar(-2.0), new TensorOptions(ScalarType.Float));
            long chosen = 0;
            for (int k = 0; k < config.codebookSize(); k++) {
                try (Scope round = Scope.plain()) {
                    Tensor code_C = z_NC.select(0, chosen);
                    quantizer.codebook().select(0, k).copy_(code_C);
                    nearness_N.copy_(torch.maximum(nearness_N, z_NC.mv(code_C)));
                    chosen = nearness_N.argmin().item_long();
                }
            }
        }
    }

    /** Codes out of use move to the features of the last batch that are farthest from their codes, each to another one. */
    private void restartUnusedCodes(long step) {
        if (lastFeatures == null || lastDistances == null) {
            return;
        }
        try (Scope scope = Scope.plain(); NoGradGuard guard = new NoGradGuard()) {
            float[] unused = Tensors.floats(unused_K);
            List<Integer> dead = new ArrayList<>();
            for (int k = 0; k < unused.length; k++) {
                if (unused[k] >= settings.resetAfter()) {
                    dead.add(k);
                }
            }
            int count = (int) Math.min(Math.min(dead.size(), lastFeatures.size(0) / 16), 32);
            if (count == 0) {
                return;
            }
            Tensor farthest = lastDistances.topk(count).get1();
            int[] features = Tensors.ints(farthest);
            SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, 2));
            for (int i = 0; i < count; i++) {
                int k = dead.remove(random.nextInt(dead.size()));
                quantizer.codebook().select(0, k).copy_(lastFeatures.select(0, features[i]));
                unused_K.narrow(0, k, 1).zero_();
            }
        }
    }

    @Override
    public Map<String, Tensor> buffers() {
        return Map.of("unused", unused_K);
    }

    @Override
    public String position() {
        return Json.mapper().writeValueAsString(position);
    }

    @Override
    public void resume(String json) {
        batcher.close();
        position = Json.mapper().readValue(json, BucketBatcher.State.class);
        batcher = new BucketBatcher(source, position, settings.batch(), threads);
    }

    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Exports.torchArchive(folder.resolve("model").resolve(config.siglipPath()), "vit", weights);
        Exports.torchArchive(folder.resolve("model").resolve(config.projectorPath()), "quantizer", weights);
        Exports.safetensors(folder.resolve("painter.safetensors"), "painter", weights);
    }

    @Override
    public boolean sheet(Path file) {
        try (Scope scope = Scope.inference(); BucketBatcher pictures = new BucketBatcher(source, BucketBatcher.State.START, 32, threads)) {
            Tensor x_B3YX = images(pictures.next());
            Tensor codes = quantizer.encode(quantizerInput(x_B3YX));
            Tensor z_NC = quantizer.codebook().index_select(0, codes.flatten());
            Tensor painted = images(painter.forward(z_NC), x_B3YX.size(0), codes.size(1), codes.size(2));
            List<Pixels> tiles = new ArrayList<>();
            for (int i = 0; i < x_B3YX.size(0); i++) {
                tiles.add(Pictures.pixels(x_B3YX.narrow(0, i, 1)));
                tiles.add(Pictures.pixels(painted.narrow(0, i, 1)));
            }
            Pictures.sheet(file, tiles, 8);
            return true;
        }
    }

    private Tensor quantizerInput(Tensor x_B3YX) {
        long patch = config.vit().patchSize();
        return vit.forward(x_B3YX).transpose(1, 2).reshape(x_B3YX.size(0), config.zChannels(), x_B3YX.size(2) / patch, x_B3YX.size(3) / patch);
    }

    @Override
    public void close() {
        batcher.close();
        source.close();
        text.close();
        forget();
        vitStore.close();
        quantizerStore.close();
        language.close();
        painter.store().close();
        unused_K.releaseReference();
    }
}
