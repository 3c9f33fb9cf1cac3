package org.xomni.train;

// Shapes: B rows, L length, D width, K codes, C code dimension.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.PackedBatch;
import org.xomni.data.Packer;
import org.xomni.data.SampleSource;
import org.xomni.data.SequenceEncoder;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Initializer;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
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
     */
    public record Settings(
            Trained trained, int rows, int length, double dropPrompts, @Default("1") double textWeight,
            @Default("false") boolean codeMap) {
        public Settings {
            if (rows < 1 || length < 2 || !(textWeight > 0)) {
                throw new InputException("rows " + rows + " must be at least 1, length " + length + " at least 2, text-weight " + textWeight + " above 0");
            }
        }
    }

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
    private Packer packer;
    private Packer.State position = Packer.State.START;

    /**
     * @param modelFolder configuration, text tokenizer and {@code projector.pt} of the checkpoint
     * @param start a folder with {@code model*.safetensors} to start from, or null for fresh weights
     * @param source of tokenised samples; this stage closes it
     * @param threads that read samples
     */
    public UnifiedStage(
            Path modelFolder, @Nullable Path start, Settings settings, long seed, Numerics numerics, SampleSource source, int threads) {
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
        this.packer = packer();
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

    @Override
    public Loss loss(long step, int microBatch) {
        PackedBatch batch = packer.next();
        position = batch.after();
        Tensor targets_BL = grid(batch, batch.targets());
        UnifiedLoss loss = UnifiedLoss.of(
                model,
                model.forwardPacked(grid(batch, batch.ids()), grid(batch, batch.positions()), grid(batch, batch.document())),
                targets_BL,
                targets_BL.ne(new Scalar(PackedBatch.NONE)));
        Map<String, Tensor> parts = new LinkedHashMap<>();
        if (loss.imageTargets() > 0) {
            parts.put("image", loss.image().div(new Scalar((double) loss.imageTargets())));
            parts.put("image_accuracy", loss.imageHits().to(ScalarType.Float).div(new Scalar((double) loss.imageTargets())));
        }
        if (loss.textTargets() > 0) {
            parts.put("text", loss.text().div(new Scalar((double) loss.textTargets())));
        }
        double weights = loss.imageTargets() + settings.textWeight() * loss.textTargets();
        Tensor total = loss.image().add(loss.text(), new Scalar(settings.textWeight())).div(new Scalar(Math.max(1, weights)));
        return new Loss(total, parts, batch.documents(), batch.tokenCount());
    }

    @Override
    public void afterGradients() {
        maps.forEach(CodeMap::follow);
    }

    @Override
    public void afterStep(long step, AdamW optimizer) {
        maps.forEach(map -> map.fold(optimizer));
    }

    private Tensor grid(PackedBatch batch, int[] values) {
        return model.numerics().place(Tensors.of(Arrays.stream(values).asLongStream().toArray(), batch.rows(), batch.length()));
    }

    @Override
    public String position() {
        return Json.mapper().writeValueAsString(position);
    }

    @Override
    public void resume(String json) {
        packer.close();
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
    public void close() {
        packer.close();
        source.close();
        text.close();
        maps.forEach(CodeMap::close);
        model.close();
    }
}
