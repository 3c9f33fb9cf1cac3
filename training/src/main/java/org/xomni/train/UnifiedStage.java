package org.xomni.train;

// Shapes: B rows, L length, D width, K codes, C code dimension.

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.PackedBatch;
import org.xomni.data.Packer;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.data.SequenceEncoder;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.TorchArchive;
import org.xomni.text.ChatTemplate;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.TokenizerConfig;

/**
 * The unified model's pre-training and supervised fine-tuning (paper section 4): next ids of packed samples, of which only what the model shall say
 * or draw is supervised. The paper's stages differ in what is trained, in data and in schedule, so in their recipes:
 *
 * <ol>
 *   <li>pre-training 1: {@code trained: vision} on drawing
 *   <li>pre-training 2: {@code trained: everything} on drawing and understanding
 *   <li>pre-training 3: the same on better data, the learning rate annealed
 *   <li>supervised fine-tuning: raw prompts and chat turns that draw, and understanding
 * </ol>
 *
 * <p>Fresh image embeddings and image head rows are linear functions of the tokenizer's code vectors rather than noise, so that tokens which look
 * alike begin alike; at this project's scale the rare ones would otherwise hardly be learned.
 */
public final class UnifiedStage implements Stage {

    /** What is trained. */
    public enum Trained {
        /** Vision-specific blocks, image embedding, image norm and image head. */
        VISION,
        EVERYTHING
    }

    /**
     * What this stage's recipe says beside the loop.
     *
     * @param trained part of the model
     * @param rows of a batch
     * @param length of a row in ids
     * @param dropPrompts probability that a prompt is left out, for guidance
     * @param textWeight of a text target, when an image target weighs 1
     * @param codeMap whether image tokens that look alike learn together ({@link CodeMap})
     * @param shown raw prompts of the data on the sheet of each checkpoint ({@link DrawingSheet}, which opens the checkpoint's decoder for it); 0 for no sheets
     */
    public record Settings(
            Trained trained, int rows, int length, double dropPrompts, @Default("1") double textWeight,
            @Default("false") boolean codeMap, @Default("0") int shown) {
        public Settings {
            if (rows < 1 || length < 2 || !(textWeight > 0) || shown < 0) {
                throw new InputException("rows " + rows + " must be at least 1, length " + length + " at least 2, text-weight " + textWeight
                        + " above 0, shown " + shown + " at least 0");
            }
            var unused = new SequenceEncoder.PromptDropping(dropPrompts, 0);
        }
    }

    /**
     * What the loss is measured on beside.
     *
     * @param source of tokenised samples; the stage closes it
     * @param batches of its rows
     * @param every so many steps
     */
    public record HeldOut(SampleSource source, int batches, long every) {}

    private static final String CODEBOOK = "quantize.embedding.weight";
    private static final List<String> IMAGE_TABLES = List.of("model.mm_embed_tokens.weight", "mm_head.weight");

    private final Settings settings;
    private final long seed;
    private final SampleSource source;
    private final int threads;
    private final UnifiedConfig config;
    private final TextTokenizer text;
    private final SequenceEncoder encoder;
    private final UnifiedModel model;
    private final List<CodeMap> maps;
    private final DrawingSheet sheet;
    private final Workers workers;
    private @Nullable Replicas replicas;
    private Packer packer;
    private Packer.State position = Packer.State.START;
    /** Of the step that is being taken: micro-batches to come, and what all targets weigh together. */
    private final Deque<PackedBatch> ahead = new ArrayDeque<>();
    private double stepWeighs;
    private final List<PackedBatch> heldOut;
    private final long heldOutEvery;

    /** A stage that measures nothing beside. */
    public UnifiedStage(
            Path modelFolder, @Nullable Path start, Settings settings, long seed, Numerics numerics, SampleSource source, int threads) {
        this(modelFolder, start, settings, seed, numerics, source, null, threads);
    }

    /**
     * @param modelFolder configuration, text tokenizer and {@code projector.pt} of the checkpoint, which may have a decoder beside them
     * @param start a folder with {@code model*.safetensors} to start from, or null for fresh weights
     * @param source of tokenised samples; this stage closes it
     * @param heldOut samples that are not trained on, or null
     * @param threads that read samples
     */
    public UnifiedStage(
            Path modelFolder, @Nullable Path start, Settings settings, long seed, Numerics numerics, SampleSource source, @Nullable HeldOut heldOut,
            int threads) {
        ConfigFile json = ConfigFile.read(modelFolder.resolve("config.json"));
        this.settings = settings;
        this.seed = seed;
        this.source = source;
        this.threads = threads;
        this.config = UnifiedConfig.of(json);
        this.text = TextTokenizer.load(modelFolder);
        this.encoder = new SequenceEncoder(
                config, text, ChatTemplate.load(modelFolder), new SequenceEncoder.PromptDropping(settings.dropPrompts(), seed));
        this.model = start == null ? fresh(modelFolder, numerics) : started(config, start, numerics);
        this.maps = settings.codeMap() ? codeMaps(modelFolder) : List.of();
        this.sheet = new DrawingSheet(modelFolder.resolve("..").normalize(), source, settings.shown());
        // With fewer rows than threads these share operations instead.
        this.workers = new Workers(numerics.onCpu() && settings.rows() >= Engine.threads() ? Engine.threads() : 1);
        this.packer = packer();
        this.heldOut = heldOut == null ? List.of() : first(heldOut, modelFolder);
        this.heldOutEvery = heldOut == null ? 1 : heldOut.every();
    }

    /** The first batches of samples, with all their prompts. */
    private List<PackedBatch> first(HeldOut samples, Path modelFolder) {
        var whole = new SequenceEncoder(config, text, ChatTemplate.load(modelFolder), SequenceEncoder.PromptDropping.NONE);
        try (SampleSource closed = samples.source();
                Packer first = new Packer(closed, whole, Packer.State.START, settings.rows(), settings.length(), threads)) {
            return IntStream.range(0, samples.batches()).mapToObj(i -> first.next()).toList();
        }
    }

    /**
     * A model to be trained further.
     *
     * @param start a folder with {@code model*.safetensors}
     * @throws InputException if weights are missing
     */
    public static UnifiedModel started(UnifiedConfig config, Path start, Numerics numerics) {
        try (ShardedSafetensors weights = ShardedSafetensors.open(start, "model")) {
            Initializer missing = (name, shape) -> {
                throw new InputException(start + " has no " + name + "; name a folder with all weights of this checkpoint as start");
            };
            return UnifiedModel.of(config, ParameterStore.trainable(start.toString(), weights.tensors(), missing, numerics));
        }
    }

    private UnifiedModel fresh(Path modelFolder, Numerics numerics) {
        Initializer plain = Initial.transformer(seed, config.layers());
        try (TorchArchive archive = TorchArchive.open(projector(modelFolder))) {
            StoredTensor codebook = archive.tensor(CODEBOOK);
            Initializer byCode = (name, shape) -> {
                Tensor value = plain.make(name, shape);
                return IMAGE_TABLES.contains(name) ? likeCodes(value, codebook, name) : value;
            };
            return UnifiedModel.of(config, ParameterStore.trainable("the unified model", Map.of(), byCode, numerics));
        }
    }

    /** A table [V, D] whose first K rows are {@code e R / sqrt(C)} for their code e and a random R, scaled to the spread of the others. */
    private Tensor likeCodes(Tensor table_VD, StoredTensor codebook, String name) {
        return Scope.only(() -> {
            Tensor codes_KC = CodeMap.codes(codebook);
            try (Randomness randomness = new Randomness(seed ^ name.hashCode())) {
                Tensor map_CD = Tensors.normal(randomness, codes_KC.size(1), table_VD.size(1));
                table_VD.narrow(0, 0, codes_KC.size(0)).copy_(codes_KC.matmul(map_CD).mul_(new Scalar(0.02)));
            }
            return table_VD.clone();
        });
    }

    private static Path projector(Path modelFolder) {
        return modelFolder.resolve(TokenizerConfig.of(ConfigFile.read(modelFolder.resolve("config.json"))).encoder().projectorPath());
    }

    private List<CodeMap> codeMaps(Path modelFolder) {
        try (TorchArchive archive = TorchArchive.open(projector(modelFolder))) {
            StoredTensor codebook = archive.tensor(CODEBOOK);
            return IMAGE_TABLES.stream()
                    .map(name -> new CodeMap("model/" + name, Objects.requireNonNull(model.store().parameters().get(name)), placed(codebook)))
                    .toList();
        }
    }

    private Tensor placed(StoredTensor codebook) {
        return Scope.only(() -> model.numerics().place(CodeMap.codes(codebook)));
    }

    private Packer packer() {
        return new Packer(source, encoder, position, settings.rows(), settings.length(), threads);
    }

    @Override
    public List<ParameterGroup> groups() {
        List<ParameterGroup> groups = new ArrayList<>();
        groups.add(ParameterGroup.of("model", model.store(), trained(config, settings.trained()), 1));
        maps.forEach(map -> groups.add(map.group()));
        return groups;
    }

    /** Which parameters are trained, by checkpoint name. */
    static Predicate<String> trained(UnifiedConfig config, Trained part) {
        return name -> part == Trained.EVERYTHING || isVision(config, name);
    }

    private static boolean isVision(UnifiedConfig config, String name) {
        String layers = "model.layers.";
        if (name.startsWith(layers)) {
            return config.visionSpecific(Integer.parseInt(name.substring(layers.length(), name.indexOf('.', layers.length()))));
        }
        return name.startsWith("model.mm_") || name.startsWith("mm_head");
    }

    /** Every target weighs the same in whichever micro-batch it is: the batches of a step are taken before the first of them is learned from. */
    @Override
    public Loss gradients(long step, int microBatch, int accumulate) {
        if (microBatch == 0) {
            ahead.clear();
            for (int i = 0; i < accumulate; i++) {
                ahead.add(packer.next());
            }
            stepWeighs = Math.max(1, ahead.stream().mapToDouble(this::weights).sum());
        }
        PackedBatch batch = ahead.remove();
        position = batch.after();
        Sums sums = workers.count() == 1 ? backward(model, batch, 0, batch.rows(), stepWeighs) : backwardShared(batch, stepWeighs);
        double weighs = Math.max(1, weights(batch));
        Tensor mean = scalar((sums.image() + settings.textWeight() * sums.text()) / weighs);
        return new Loss(mean, weighs / stepWeighs, sums.parts(), batch.documents(), batch.tokenCount());
    }

    /** Workers share the rows; what they compute adds up to the gradients of the whole batch. */
    private Sums backwardShared(PackedBatch batch, double weights) {
        Replicas models = replicas();
        Sums sums = workers.each(worker -> {
                    int from = Team.from(worker, workers.count(), batch.rows(), 1);
                    int to = Team.from(worker + 1, workers.count(), batch.rows(), 1);
                    return backward(models.of(worker), batch, from, to, weights);
                })
                .stream()
                .reduce(Sums.NONE, Sums::plus);
        models.gather();
        return sums;
    }

    /** The optimiser must have the parameters by now. */
    private Replicas replicas() {
        Replicas made = replicas;
        if (made == null) {
            made = new Replicas(model, workers);
            replicas = made;
        }
        return made;
    }

    private Sums backward(UnifiedModel replica, PackedBatch batch, int from, int to, double weights) {
        try (Scope scope = Scope.plain()) {
            UnifiedLoss loss = score(replica, batch, from, to);
            total(loss, weights).backward();
            return Sums.of(loss);
        }
    }

    /** The loss of rows from..to-1. */
    private UnifiedLoss score(UnifiedModel scoring, PackedBatch batch, int from, int to) {
        Tensor targets_BL = grid(batch, batch.targets(), from, to);
        Tensor hidden_BLD = scoring.forwardPacked(
                grid(batch, batch.ids(), from, to), grid(batch, batch.positions(), from, to), grid(batch, batch.document(), from, to));
        return UnifiedLoss.of(scoring, hidden_BLD, targets_BL, targets_BL.ne(new Scalar(PackedBatch.NONE)));
    }

    private Tensor total(UnifiedLoss loss, double weights) {
        return loss.image().add(loss.text(), new Scalar(settings.textWeight())).div(new Scalar(weights));
    }

    /** What all targets of a batch weigh together. */
    private double weights(PackedBatch batch) {
        long texts = Arrays.stream(batch.targets()).filter(t -> t >= 0 && t < config.vocabSize()).count();
        long images = Arrays.stream(batch.targets()).filter(t -> t >= config.vocabSize() && t < config.vocabSize() + config.imageVocabSize()).count();
        return images + settings.textWeight() * texts;
    }

    /** A {@link UnifiedLoss} in numbers. */
    private record Sums(double text, double image, double imageHits, long textTargets, long imageTargets) {
        static final Sums NONE = new Sums(0, 0, 0, 0, 0);

        static Sums of(UnifiedLoss loss) {
            return new Sums(
                    loss.text().item_float(), loss.image().item_float(), loss.imageHits().to(ScalarType.Float).item_float(),
                    loss.textTargets(), loss.imageTargets());
        }

        Sums plus(Sums other) {
            return new Sums(
                    text + other.text, image + other.image, imageHits + other.imageHits,
                    textTargets + other.textTargets, imageTargets + other.imageTargets);
        }

        /** Of the kinds of targets that there are. */
        Map<String, Double> means() {
            Map<String, Double> means = new LinkedHashMap<>();
            if (imageTargets > 0) {
                means.put("image", image / imageTargets);
                means.put("image_accuracy", imageHits / imageTargets);
            }
            if (textTargets > 0) {
                means.put("text", text / textTargets);
            }
            return means;
        }

        Map<String, Tensor> parts() {
            Map<String, Tensor> parts = new LinkedHashMap<>();
            means().forEach((name, mean) -> parts.put(name, scalar(mean)));
            return parts;
        }
    }

    private static Tensor scalar(double value) {
        return Tensors.of(new float[] {(float) value});
    }

    /** The mean loss of a target, those of both kinds, and how many image tokens are the likeliest. */
    @Override
    public Map<String, Double> heldOut(long step) {
        if (heldOut.isEmpty() || step % heldOutEvery != 0) {
            return Map.of();
        }
        Sums sums = heldOut.stream().map(batch -> {
            try (Scope scope = Scope.frozen()) {
                return Sums.of(score(model, batch, 0, batch.rows()));
            }
        }).reduce(Sums.NONE, Sums::plus);
        double weighs = Math.max(1, sums.imageTargets() + settings.textWeight() * sums.textTargets());
        Map<String, Double> measured = new LinkedHashMap<>();
        measured.put("held_out_loss", (sums.image() + settings.textWeight() * sums.text()) / weighs);
        sums.means().forEach((name, mean) -> measured.put("held_out_" + name, mean));
        return measured;
    }

    @Override
    public void afterGradients() {
        maps.forEach(CodeMap::follow);
    }

    @Override
    public void afterStep(long step, AdamW optimizer) {
        maps.forEach(map -> map.fold(optimizer));
    }

    /** Values of rows from..to-1 as [B, L]. */
    private Tensor grid(PackedBatch batch, int[] values, int from, int to) {
        long[] some = Arrays.stream(values, from * batch.length(), to * batch.length()).asLongStream().toArray();
        return model.numerics().place(Tensors.of(some, to - from, batch.length()));
    }

    @Override
    public String position() {
        return Json.mapper().writeValueAsString(position);
    }

    @Override
    public SampleStream.Skipped skipped() {
        return packer.skipped();
    }

    @Override
    public void resume(String json) {
        packer.close();
        ahead.clear();
        position = Json.mapper().readValue(json, Packer.State.class);
        packer = packer();
    }

    /** All weights, those that are not trained as they were. */
    @Override
    public void export(Path folder, Map<String, Tensor> weights) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        model.store().parameters().forEach((name, parameter) -> all.put("model/" + name, weights.getOrDefault("model/" + name, parameter)));
        Exports.safetensors(folder.resolve("model").resolve("model.safetensors"), "model", all);
    }

    @Override
    public boolean sheet(Path file) {
        return sheet.write(model, text, file);
    }

    @Override
    public void close() {
        packer.close();
        source.close();
        text.close();
        maps.forEach(CodeMap::close);
        workers.close();
        if (replicas != null) {
            replicas.close();
        }
        model.close();
    }
}
