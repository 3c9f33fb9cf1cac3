package org.xomni.train;

// Shapes: B images, Y x X pixels, h x w tokens, L = h*w, N = B*L features, D feature width, C code dimension.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.data.BrokenSample;
import org.xomni.data.BucketBatcher;
import org.xomni.data.MappedSource;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.data.Seeds;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
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
 * codes that nothing has chosen for a while start anew at badly quantised features; a way back from
 * codes to features of its own. A recipe can switch each of them off.
 */
public final class TokenizerStage implements Stage {
    /** Pictures whose code vectors the way back is made for. */
    private static final int MEASURED = 128;
    private static final double SKIP_QUANTISATION = 0.1;

    /** The quantiser's way back from codes to the features that the decoder draws from, as it is exported. */
    public enum Back {
        /** As alignment has made it. */
        TRAINED,
        /** {@link WayBack}. */
        WHITENED
    }

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
     * @param wayBack what the decoder is handed
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
            Back wayBack,
            AlignmentModel.Settings model) {
        public Settings {
            if (batch < 1 || grid < 1 || !(temperature > 0) || continuous < 0 || spread < 1 || painterWidth < 1) {
                throw new InputException("batch " + batch + ", grid " + grid + ", spread " + spread + ", painter-width " + painterWidth
                        + " must be at least 1, temperature " + temperature + " above 0, continuous " + continuous + " not negative");
            }
            if (resetAfter < 0 || !(language >= 0 && pixels >= 0 && commitment >= 0)) {
                throw new InputException("reset-after " + resetAfter + " and the weights language " + language + ", pixels " + pixels + " and commitment "
                        + commitment + " must not be negative");
            }
            if (!(languageShare >= 0 && languageShare <= 1)) {
                throw new InputException("language-share is " + languageShare + ", expected a share from 0 to 1");
            }
        }
    }

    private final Settings settings;
    private final long seed;
    private final EncoderConfig config;
    private final Numerics numerics;
    private final TextTokenizer text;
    private final ParameterStore vitStore;
    private final ParameterStore quantizerStore;
    private final VisionTransformer vit;
    private final VectorQuantizer quantizer;
    private final AlignmentModel language;
    private final PatchPainter painter;
    private final CodebookCare care;
    private final PictureBatches batches;

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
        this.numerics = numerics;
        this.text = text;
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
                settings.model(), this.config.zChannels(), text.size(),
                ParameterStore.trainable("the language model", Map.of(), Initial.normal(seed + 2, 0.02), numerics));
        this.painter = PatchPainter.of(
                ParameterStore.trainable("the painter", Map.of(), Initial.normal(seed + 3, 0), numerics),
                this.config.codebookDim(), settings.painterWidth(), patch);
        this.care = new CodebookCare(quantizer.codebook(), seed);
        this.batches = new PictureBatches(new MappedSource(source, this::askable), settings.batch(), threads);
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
    public Loss gradients(long step, int microBatch, int accumulate) {
        return loss(step, microBatch, accumulate).backward();
    }

    private Loss loss(long step, int microBatch, int accumulate) {
        BucketBatcher.Batch batch = batches.next();
        Tensor x_B3YX = pixels(PictureBatches.pixels(batch));
        Tensor z_NC = features(x_B3YX);
        Map<String, Tensor> parts = new LinkedHashMap<>();
        Tensor code_NC = z_NC;
        Tensor total = torch.zeros(new long[0], z_NC.options());
        if (step >= settings.continuous()) {
            IbqLoss ibq = IbqLoss.of(z_NC, quantizer.codebook(), settings.temperature());
            Tensor skipped_N1 = skipped(step, microBatch, batch.samples().size(), z_NC.size(0));
            code_NC = torch.where(skipped_N1, z_NC, ibq.quantized());
            total = total.add(ibq.loss(), new Scalar(settings.commitment()));
            care.chosen(z_NC, ibq);
            parts.put("quantisation", ibq.loss());
            parts.put("codes_in_batch", torch.bincount(ibq.codes()).gt(new Scalar(0)).sum());
            parts.put("codes_in_use", care.inUse());
        }
        if (settings.pixels() > 0) {
            Tensor painting = painter.loss(code_NC, x_B3YX);
            parts.put("painting", painting);
            total = total.add(painting, new Scalar(settings.pixels()));
        }
        int asked = (int) Math.round(settings.languageShare() * batch.samples().size());
        List<AlignmentModel.Exchange> exchanges = exchanges(batch.samples().subList(0, asked));
        // Turns that only draw have nothing to answer.
        if (exchanges.stream().anyMatch(exchange -> !exchange.answers().isEmpty())) {
            Tensor answers = language.loss(quantizer.refine(grid(code_NC, x_B3YX).narrow(0, 0, asked)), exchanges);
            parts.put("language", answers);
            total = total.add(answers, new Scalar(settings.language()));
        }
        return new Loss(total, batches.share(batch) / accumulate, parts, batch.samples().size(), z_NC.size(0));
    }

    /** Pictures as the ViT takes them, where it is. */
    private Tensor pixels(List<Pixels> pictures) {
        return numerics.place(Pictures.batch(pictures));
    }

    /** What the ViT sees in images, as the quantiser takes it: [B, D, h, w]. */
    private Tensor seen(Tensor x_B3YX) {
        long patch = config.vit().patchSize();
        Tensor seen_BLD = vit.forward(x_B3YX.to(numerics.computeType()));
        return seen_BLD.transpose(1, 2).reshape(x_B3YX.size(0), config.zChannels(), x_B3YX.size(2) / patch, x_B3YX.size(3) / patch);
    }

    /** Features of length 1, in fp32 as the codebook, [N, C]. */
    private Tensor features(Tensor x_B3YX) {
        Tensor z_BhwC = quantizer.toCode().forward(seen(x_B3YX)).permute(0, 2, 3, 1);
        return IbqLoss.unit(z_BhwC.reshape(-1, config.codebookDim()).to(ScalarType.Float));
    }

    /** Which features belong to images that skip quantisation: bool [N, 1]. */
    private Tensor skipped(long step, int microBatch, int images, long features) {
        SplittableRandom random = new SplittableRandom(Seeds.mix(seed, step, microBatch));
        byte[] skipped = new byte[images];
        for (int i = 0; i < images; i++) {
            skipped[i] = (byte) (random.nextDouble() < SKIP_QUANTISATION ? 1 : 0);
        }
        Tensor each = numerics.place(Tensors.of(skipped, images, 1)).to(ScalarType.Bool);
        return each.expand(images, features / images).reshape(features, 1);
    }

    /** [N, C] to [B, C, h, w], in the type for activations. */
    private Tensor grid(Tensor code_NC, Tensor x_B3YX) {
        long patch = config.vit().patchSize();
        return code_NC.to(numerics.computeType()).view(x_B3YX.size(0), x_B3YX.size(2) / patch, x_B3YX.size(3) / patch, code_NC.size(1)).permute(0, 3, 1, 2);
    }

    private List<AlignmentModel.Exchange> exchanges(List<Sample> samples) {
        return samples.stream().map(this::exchange).toList();
    }

    /** Questions are about one picture; where none are asked, any picture will do. */
    private Sample askable(Sample sample) throws BrokenSample {
        boolean asks = settings.languageShare() > 0;
        if (asks && !(sample instanceof Sample.Dialogue)) {
            throw new BrokenSample(sample.key() + " has a caption and no question, and the tokenizer learns from dialogues; 'captions: describe' makes captions answers");
        }
        if (asks && sample.pictures().size() > 1) {
            throw new BrokenSample(sample.key() + " has " + sample.pictures().size() + " pictures, and the tokenizer is asked about one at a time");
        }
        return sample;
    }

    /** All turns, each ended by a line end; what the assistant says is to be learned. */
    private AlignmentModel.Exchange exchange(Sample sample) {
        Sample.Dialogue dialogue = (Sample.Dialogue) sample;
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

    @Override
    public void afterStep(long step, AdamW optimizer) {
        if (step >= settings.continuous()) {
            care.stepped();
        }
        if (step == settings.continuous() - 1) {
            spreadCodebook();
        } else if (settings.resetAfter() > 0 && step <= settings.resetUntil()) {
            care.restart(step, settings.resetAfter());
        }
    }

    private void spreadCodebook() {
        try (Scope scope = Scope.frozen()) {
            TensorVector seen = new TensorVector();
            for (int i = 0; i < settings.spread(); i++) {
                seen.push_back(Scope.only(() -> features(pixels(PictureBatches.pixels(batches.next())))));
            }
            care.spread(torch.cat(seen, 0));
        }
    }

    @Override
    public Map<String, Tensor> buffers() {
        return Map.of("unused", care.unused());
    }

    @Override
    public String position() {
        return batches.position();
    }

    @Override
    public SampleStream.Skipped skipped() {
        return batches.skipped();
    }

    @Override
    public void resume(String position) {
        batches.resume(position);
    }

    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Exports.torchArchive(folder.resolve("model").resolve(config.siglipPath()), "vit", weights);
        try (Scope scope = Scope.frozen(); Randomness random = new Randomness(seed)) {
            Map<String, Tensor> all = switch (settings.wayBack()) {
                case TRAINED -> weights;
                case WHITENED -> WayBack.fresh(weights, "quantizer", occurring(), random);
            };
            Exports.torchArchive(folder.resolve("model").resolve(config.projectorPath()), "quantizer", all);
        }
        Exports.safetensors(folder.resolve("painter.safetensors"), "painter", weights);
    }

    /** The code vectors of the first pictures, [N, C]. */
    private Tensor occurring() {
        return Scope.only(() -> {
            Tensor codes_Bhw = quantizer.encode(seen(pixels(PictureBatches.pixels(batches.first(MEASURED)))));
            return quantizer.codebook().index_select(0, codes_Bhw.flatten());
        });
    }

    @Override
    public boolean sheet(Path file) {
        try (Scope scope = Scope.inference()) {
            List<Pixels> originals = PictureBatches.pixels(batches.first(32));
            Tensor codes_Bhw = quantizer.encode(seen(pixels(originals)));
            Tensor painted_B3YX = painter.images(
                    quantizer.codebook().index_select(0, codes_Bhw.flatten()), codes_Bhw.size(1), codes_Bhw.size(2));
            Pictures.pairs(file, originals, painted_B3YX);
            return true;
        }
    }

    @Override
    public void close() {
        batches.close();
        text.close();
        care.close();
        vitStore.close();
        quantizerStore.close();
        language.close();
        painter.close();
    }
}
