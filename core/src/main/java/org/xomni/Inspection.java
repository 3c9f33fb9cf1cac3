package org.xomni;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.decoder.ClipConfig;
import org.xomni.decoder.ClipTextEncoder;
import org.xomni.decoder.Conditioning;
import org.xomni.decoder.DecoderConfig;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.decoder.FluxTransformer;
import org.xomni.decoder.T5Config;
import org.xomni.decoder.T5Encoder;
import org.xomni.decoder.Vae;
import org.xomni.decoder.VaeConfig;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.TensorFile;
import org.xomni.tensor.TorchArchive;
import org.xomni.text.ChatTemplate;
import org.xomni.text.ClipTokenizer;
import org.xomni.text.T5Tokenizer;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.tokenizer.VectorQuantizer;
import org.xomni.tokenizer.VisionTransformer;

/**
 * What is in a checkpoint, part by part, without reading a weight: names, shapes and types of all parameters are compared with what the
 * configuration asks for.
 */
public final class Inspection {

    /**
     * One part of a checkpoint.
     *
     * @param name what it is
     * @param dimensions its sizes, or empty if its configuration cannot be used
     * @param parameters how many scalars its files hold
     * @param dtypes parameters by type
     * @param unknown names in the files that the model does not use
     * @param problems what is wrong, one line each
     */
    public record Part(
            String name, String dimensions, long parameters, Map<DType, Long> dtypes, Set<String> unknown, List<String> problems) {}

    private static final Numerics NUMERICS = Numerics.cpu(DType.FLOAT32);

    private static final String PROMPT_AND_TOKENS = "conditioned on prompt and tokens";

    private final List<Part> parts = new ArrayList<>();

    private Inspection() {}

    /**
     * Looks at a model folder and its FLUX folder.
     *
     * @param flux the FLUX folder, or null to look for it
     * @throws CheckpointException if the folder has no usable {@code config.json}
     */
    public static List<Part> of(Path folder, @Nullable Path flux) {
        Checkpoint checkpoint = Checkpoint.read(folder, flux);
        Inspection inspection = new Inspection();
        inspection.model(checkpoint);
        inspection.text(checkpoint);
        inspection.tokenizer(checkpoint);
        inspection.decoder(checkpoint);
        if (checkpoint.flux() != null) {
            inspection.flux(checkpoint, checkpoint.flux());
        } else {
            inspection.add("FLUX folder", "", Map.of(), Set.of(), List.of("not found; point --flux at a FLUX.1-dev pipeline folder to draw"));
        }
        return inspection.parts;
    }

    /**
     * Finds out before minutes of work on tokens whether pixels can be made of them.
     *
     * @throws CheckpointException naming what is missing or wrong in the parts that do this, if anything is
     */
    static void requirePixels(Checkpoint checkpoint) {
        Path flux = checkpoint.requireFlux();
        Inspection inspection = new Inspection();
        boolean readsPrompts = inspection.whole(checkpoint, flux).equals(PROMPT_AND_TOKENS);
        if (inspection.wrong().isEmpty()) {
            inspection.quantizer(checkpoint);
            inspection.decoder(checkpoint);
            inspection.vae(flux);
            if (readsPrompts) {
                inspection.promptEncoders(flux);
            }
        }
        inspection.requireNothingWrong();
    }

    /**
     * Finds out whether images can be shown.
     *
     * @throws CheckpointException naming what is missing or wrong in the image tokenizer, if anything is
     */
    static void requireSight(Checkpoint checkpoint) {
        Inspection inspection = new Inspection();
        inspection.tokenizer(checkpoint);
        inspection.requireNothingWrong();
    }

    private void requireNothingWrong() {
        List<String> wrong = wrong();
        if (!wrong.isEmpty()) {
            throw new CheckpointException(String.join("; ", wrong));
        }
    }

    /** What is wrong with each part where something is, and what to do. */
    private List<String> wrong() {
        return parts.stream().filter(part -> !part.problems().isEmpty()).map(part -> {
            String problems = String.join("; ", part.problems());
            return part.parameters() == 0
                    ? problems
                    : part.name() + " does not fit its config.json: " + problems + ". Restore config.json and the weights from the same checkpoint";
        }).toList();
    }

    private void model(Checkpoint checkpoint) {
        UnifiedConfig c = checkpoint.unified();
        look("unified model",
                () -> "width " + c.hiddenSize() + ", " + c.layers() + " blocks (" + c.adapterLayers() + " + " + c.headLayers()
                        + " vision-specific), " + c.heads() + " heads, " + c.keyValueHeads() + " key-value heads, MLP " + c.intermediateSize()
                        + ", vocabulary " + c.vocabSize() + " + " + c.mmVocabSize() + " (" + c.imageVocabSize() + " image tokens), context "
                        + c.maxPositions(),
                () -> ShardedSafetensors.open(checkpoint.folder(), "model"),
                (file, store) -> UnifiedModel.of(c, store));
    }

    private void text(Checkpoint checkpoint) {
        List<String> problems = new ArrayList<>();
        String dimensions = attempt(problems, () -> {
            try (TextTokenizer text = TextTokenizer.load(checkpoint.folder())) {
                Vocabulary unused = new Vocabulary(checkpoint.unified(), text);
                ChatTemplate alsoUnused = ChatTemplate.load(checkpoint.folder());
                return text.size() + " tokens";
            }
        });
        add("text tokenizer", dimensions, Map.of(), Set.of(), problems);
    }

    private void tokenizer(Checkpoint checkpoint) {
        TokenizerConfig c = checkpoint.tokenizer();
        var vit = c.encoder().vit();
        look("image tokenizer, ViT",
                () -> "width " + vit.width() + ", " + vit.layers() + " blocks, " + vit.heads() + " heads, patch " + vit.patchSize(),
                () -> TorchArchive.open(checkpoint.folder().resolve(c.encoder().siglipPath())),
                (file, store) -> VisionTransformer.of(store.root(), vit, VisionTransformer.grid(file.tensors())));
        quantizer(checkpoint);
    }

    private void quantizer(Checkpoint checkpoint) {
        TokenizerConfig c = checkpoint.tokenizer();
        look("image tokenizer, quantiser",
                () -> c.encoder().codebookSize() + " codes of width " + c.encoder().codebookDim() + ", features of width " + c.encoder().zChannels(),
                () -> TorchArchive.open(checkpoint.folder().resolve(c.encoder().projectorPath())),
                (file, store) -> VectorQuantizer.of(store.root(), c.encoder()));
    }

    private void decoder(Checkpoint checkpoint) {
        Path folder = checkpoint.folder().resolve(checkpoint.decoder().modelPath());
        look("decoder, diffusion transformer",
                () -> {
                    DecoderConfig c = DecoderConfig.of(ConfigFile.read(folder.resolve("config.json")));
                    return "width " + c.width() + ", " + c.numLayers() + " double and " + c.numSingleLayers() + " single blocks, "
                            + c.numAttentionHeads() + " heads, token features of width " + c.siglipChannels();
                },
                () -> ShardedSafetensors.open(folder, "diffusion_pytorch_model"),
                (file, store) -> new FluxTransformer(
                        DecoderConfig.of(ConfigFile.read(folder.resolve("config.json"))), Conditioning.Kind.of(file.tensors().keySet()), store));
    }

    private void flux(Checkpoint checkpoint, Path flux) {
        vae(flux);
        if (whole(checkpoint, flux).equals(PROMPT_AND_TOKENS)
                || flux.resolve("text_encoder").toFile().isDirectory() || flux.resolve("text_encoder_2").toFile().isDirectory()) {
            promptEncoders(flux);
        }
    }

    private void vae(Path flux) {
        look("decoder, VAE",
                () -> {
                    VaeConfig c = VaeConfig.of(ConfigFile.read(flux.resolve("vae/config.json")));
                    return "channels " + c.blockOutChannels() + ", latents of " + c.latentChannels() + " channels at 1/" + c.downscale();
                },
                () -> ShardedSafetensors.open(flux.resolve("vae"), "diffusion_pytorch_model"),
                (file, store) -> new Vae(VaeConfig.of(ConfigFile.read(flux.resolve("vae/config.json"))), store));
    }

    private void promptEncoders(Path flux) {
        List<String> problems = new ArrayList<>();
        String dimensions = attempt(problems, () -> {
            try (ClipTokenizer clip = ClipTokenizer.load(flux.resolve("tokenizer")); T5Tokenizer t5 = T5Tokenizer.load(flux.resolve("tokenizer_2"))) {
                // Both read their files when they are first used.
                return "prompts of up to " + clip.encode("").length + " (CLIP) and " + t5.encode("").length + " ids (T5)";
            }
        });
        add("decoder, prompt tokenizers", dimensions, Map.of(), Set.of(), problems);
        look("decoder, CLIP",
                () -> {
                    ClipConfig c = ClipConfig.of(ConfigFile.read(flux.resolve("text_encoder/config.json")));
                    return "width " + c.hiddenSize() + ", " + c.numHiddenLayers() + " blocks";
                },
                () -> ShardedSafetensors.open(flux.resolve("text_encoder"), "model"),
                (file, store) -> new ClipTextEncoder(ClipConfig.of(ConfigFile.read(flux.resolve("text_encoder/config.json"))), store));
        look("decoder, T5",
                () -> {
                    T5Config c = T5Config.of(ConfigFile.read(flux.resolve("text_encoder_2/config.json")));
                    return "width " + c.dModel() + ", " + c.numLayers() + " blocks";
                },
                () -> ShardedSafetensors.open(flux.resolve("text_encoder_2"), "model"),
                (file, store) -> new T5Encoder(T5Config.of(ConfigFile.read(flux.resolve("text_encoder_2/config.json"))), store));
    }

    /** Whether the parts of the decoder fit together is a part of its own. Returns what it is conditioned on, or nothing if they do not. */
    private String whole(Checkpoint checkpoint, Path flux) {
        List<String> problems = new ArrayList<>();
        String conditions = attempt(problems, () -> {
            try (DiffusionDecoder decoder = DiffusionDecoder.load(
                    checkpoint.folder().resolve(checkpoint.decoder().modelPath()), flux, checkpoint.decoder().upscaleFactor(), NUMERICS, false)) {
                return decoder.kind() == Conditioning.Kind.TEXT_AND_TOKENS ? PROMPT_AND_TOKENS : "conditioned on tokens";
            }
        });
        add("decoder, as a whole", conditions, Map.of(), Set.of(), problems);
        return conditions;
    }

    /** Builds a model over names and shapes only. */
    private interface Build<F> {
        Object over(F file, ParameterStore store);
    }

    private <F extends TensorFile> void look(String name, Supplier<String> dimensions, Supplier<F> open, Build<F> build) {
        List<String> problems = new ArrayList<>();
        String sizes = attempt(problems, dimensions);
        attempt(problems, () -> {
            try (F file = open.get();
                    ParameterStore store = ParameterStore.dry(file.path().getFileName().toString(), file.tensors(), NUMERICS)) {
                attempt(problems, () -> {
                    build.over(file, store);
                    return "";
                });
                if (store.problems().isEmpty()) {
                    add(name, sizes, file.tensors(), store.unknown(), problems);
                } else {
                    add(name, sizes, file.tensors(), Set.of(), store.problems());
                }
            }
            return "";
        });
        if (parts.isEmpty() || !parts.getLast().name().equals(name)) {
            add(name, sizes, Map.of(), Set.of(), problems);
        }
    }

    private static String attempt(List<String> problems, Supplier<String> attempted) {
        try {
            return attempted.get();
        } catch (CheckpointException e) {
            problems.add(String.valueOf(e.getMessage()));
            return "";
        }
    }

    private void add(String name, String dimensions, Map<String, StoredTensor> tensors, Set<String> unknown, List<String> problems) {
        Map<DType, Long> dtypes = new TreeMap<>();
        tensors.values().forEach(t -> dtypes.merge(t.dtype(), t.elements(), Long::sum));
        long parameters = dtypes.values().stream().mapToLong(Long::longValue).sum();
        parts.add(new Part(name, dimensions, parameters, dtypes, unknown, List.copyOf(problems)));
    }
}
