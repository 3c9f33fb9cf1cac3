package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.full;
import static org.bytedeco.pytorch.global.torch.zeros_like;

import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.ToIntFunction;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.xomni.image.ImageFiles;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Lazy;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.StoredTensor;
import org.xomni.tensor.Tensors;
import org.xomni.text.ClipTokenizer;

/**
 * Semantic tokens to pixels (paper section 3.3): noise becomes latents by a walk along the transformer's velocity, steered by the tokens'
 * features and, in checkpoints conditioned on text, by the prompt; the VAE turns latents into an image. Models load on first use.
 *
 * <p>Legend: P pictures, L token positions, T width of token features, C channels of packed latents; with guidance a batch is (all P
 * conditional, all P unconditional).
 */
public final class DiffusionDecoder implements AutoCloseable {
    private static final int MOST_GUIDANCE = 1000;
    private static final int PAYING_POSITIONS = 1024;
    /** Activations of a layer up to which a step takes one thread (docs/log.md, 2026-11-28). */
    private static final long SMALL = 1 << 16;
    /** What the transformer's time input divides timesteps by, whatever number it was trained with. */
    private static final float TIMESTEPS = 1000;
    /** Distilled guidance is switched off by its neutral value, as the transformer was trained. */
    private static final double DISTILLED_GUIDANCE = 1;

    /** Hears of each step that is done; {@code done} counts from 1 to {@code steps}. */
    @FunctionalInterface
    public interface Progress {
        /** For those who do not listen. */
        Progress NONE = (done, steps) -> {};

        void step(int done, int steps);
    }

    /**
     * What to decode.
     *
     * @param height tokens
     * @param width tokens
     * @param prompt what the image shows, may be empty; checkpoints conditioned on tokens only do not look at it
     * @param steps of the walk
     * @param guidance strength s of classifier-free guidance: the velocity is {@code uncond + s (cond - uncond)}; up to 1 means none
     * @param tiles for the VAE, or null to decode in one piece
     */
    public record Request(int height, int width, String prompt, int steps, double guidance, @Nullable Tiles tiles) {
        /** @throws InputException if a number is out of range */
        public Request {
            if (height < 1 || width < 1) {
                throw new InputException("a grid of " + height + "x" + width + " tokens is empty; height and width must be at least 1");
            }
            requireGuidance(guidance);
        }

        boolean guided() {
            return guidance > 1;
        }
    }

    /** @throws InputException if guidance cannot be so strong */
    public static void requireGuidance(double guidance) {
        if (!(guidance >= 0 && guidance <= MOST_GUIDANCE)) {
            throw new InputException("--decoder-cfg " + guidance + " is out of range; use 0 to " + MOST_GUIDANCE);
        }
    }

    private final DecoderConfig config;
    private final VaeConfig vaeConfig;
    private final Conditioning.Kind kind;
    private final FlowMatchScheduler scheduler;
    private final boolean offload;
    private final Lazy<PromptEncoder> promptEncoder;
    private final Lazy<FluxTransformer> transformer;
    private final Lazy<Vae> vae;

    private DiffusionDecoder(Path decoderFolder, Path fluxFolder, Numerics numerics, boolean offload) {
        Path vaeFolder = fluxFolder.resolve("vae");
        // The VAE has hardly any linear layers; quantising them would cost quality and save nothing.
        Numerics unquantised = new Numerics(numerics.weights(), numerics.compute(), Quantization.NONE, numerics.device());
        this.config = DecoderConfig.of(ConfigFile.read(decoderFolder.resolve("config.json")));
        this.vaeConfig = VaeConfig.of(ConfigFile.read(vaeFolder.resolve("config.json")));
        ConfigFile schedule = ConfigFile.read(fluxFolder.resolve("scheduler").resolve("scheduler_config.json"));
        this.scheduler = new FlowMatchScheduler(SchedulerConfig.of(schedule));
        try (ShardedSafetensors weights = ShardedSafetensors.open(decoderFolder, "diffusion_pytorch_model")) {
            this.kind = Conditioning.Kind.of(weights.tensors().keySet());
        }
        this.offload = offload;
        this.promptEncoder = new Lazy<>(() -> PromptEncoder.load(fluxFolder, numerics));
        this.transformer = new Lazy<>(() -> FluxTransformer.load(decoderFolder, numerics));
        this.vae = new Lazy<>(() -> Vae.load(vaeFolder, unquantised));
    }

    /**
     * A decoder over a transformer's folder and a FLUX pipeline's folder ({@code vae/}, {@code scheduler/} and, for checkpoints conditioned
     * on text, {@code tokenizer/}, {@code text_encoder/} and their seconds). Reads configs and what weights there are; these themselves follow on first use.
     *
     * @param upscaleFactor pixels along each side of a token, as the checkpoint says
     * @param offload whether to release each model before the next one loads
     * @throws CheckpointException if a config or weights are missing or the parts do not fit together
     */
    public static DiffusionDecoder load(Path decoderFolder, Path fluxFolder, int upscaleFactor, Numerics numerics, boolean offload) {
        DiffusionDecoder decoder = new DiffusionDecoder(decoderFolder, fluxFolder, numerics, offload);
        decoder.checkFit(fluxFolder, upscaleFactor);
        decoder.checkWeights(fluxFolder);
        return decoder;
    }

    /**
     * Loads the models now.
     *
     * @throws CheckpointException if weights cannot be used
     */
    public void preload() {
        List<Lazy<?>> models = kind == Conditioning.Kind.TEXT_AND_TOKENS ? List.of(promptEncoder, transformer, vae) : List.of(transformer, vae);
        models.forEach(Lazy::get);
    }

    private void checkFit(Path fluxFolder, int upscaleFactor) {
        int packed = vaeConfig.latentChannels() * LatentPacking.SIDE * LatentPacking.SIDE;
        fits("the transformer's in_channels", config.inChannels(), "4 x the VAE's latent_channels", packed);
        fits("upscale_factor", upscaleFactor, "2 x the VAE's scale", pixelsPerToken());
        if (kind == Conditioning.Kind.TEXT_AND_TOKENS) {
            ClipConfig clip = ClipConfig.of(ConfigFile.read(fluxFolder.resolve("text_encoder").resolve("config.json")));
            T5Config t5 = T5Config.of(ConfigFile.read(fluxFolder.resolve("text_encoder_2").resolve("config.json")));
            fits("the transformer's pooled_projection_dim", config.pooledProjectionDim(), "CLIP's hidden_size", clip.hiddenSize());
            requireRoom(clip, ClipTokenizer.length(fluxFolder.resolve("tokenizer")));
            fits("the transformer's joint_attention_dim", config.jointAttentionDim(), "T5's d_model", t5.dModel());
        }
    }

    /** @throws InputException if an image of so many tokens would be too large */
    public void requireArea(int height, int width) {
        long area = (long) height * width * pixelsPerToken() * pixelsPerToken();
        if (area > ImageFiles.MAX_PIXELS) {
            throw new InputException("an image of " + height + "x" + width + " tokens has " + area + " pixels, more than " + ImageFiles.MAX_PIXELS
                    + "; decode a smaller grid");
        }
    }

    private static void requireRoom(ClipConfig clip, int length) {
        if (clip.maxPositionEmbeddings() < length) {
            throw new CheckpointException("CLIP's max_position_embeddings " + clip.maxPositionEmbeddings() + " is below its tokenizer's model_max_length " + length
                    + "; use the tokenizer and the text encoder of the same checkpoint");
        }
    }

    /** What is missing shall be known before tokens are drawn, which may take minutes. */
    private void checkWeights(Path fluxFolder) {
        ShardedSafetensors.open(fluxFolder.resolve("vae"), "diffusion_pytorch_model").close();
        if (kind == Conditioning.Kind.TEXT_AND_TOKENS) {
            ShardedSafetensors.open(fluxFolder.resolve("text_encoder"), "model").close();
            ShardedSafetensors.open(fluxFolder.resolve("text_encoder_2"), "model").close();
        }
    }

    private static void fits(String name, int value, String other, int expected) {
        if (value != expected) {
            throw new CheckpointException(name + " is " + value + ", expected " + other + ", which is " + expected
                    + "; use the FLUX folder that belongs to this checkpoint");
        }
    }

    /** Whether the prompt plays a part. */
    public Conditioning.Kind kind() {
        return kind;
    }

    /** Pixels along each side of a token. */
    public int pixelsPerToken() {
        return LatentPacking.SIDE * vaeConfig.downscale();
    }

    /** T. */
    public int featureWidth() {
        return config.siglipChannels();
    }

    /**
     * Sorts pictures into groups that it pays to decode together.
     *
     * @param kinds of the pictures; only equal ones can be decoded side by side
     * @param height tokens of a kind
     * @param width tokens of a kind
     * @return indices of each group's pictures, kinds and pictures in the order in which they come
     */
    public static <K> List<List<Integer>> groups(List<K> kinds, ToIntFunction<K> height, ToIntFunction<K> width) {
        Map<K, List<Integer>> alike = new LinkedHashMap<>();
        for (int i = 0; i < kinds.size(); i++) {
            alike.computeIfAbsent(kinds.get(i), kind -> new ArrayList<>()).add(i);
        }
        List<List<Integer>> groups = new ArrayList<>();
        alike.forEach((kind, all) -> {
            int together = sideBySide(height.applyAsInt(kind), width.applyAsInt(kind));
            for (int from = 0; from < all.size(); from += together) {
                groups.add(all.subList(from, Math.min(all.size(), from + together)));
            }
        });
        return groups;
    }

    /** How many pictures of a grid of tokens it pays to decode together: a step of small ones is mostly the cost of calls. */
    public static int sideBySide(int height, int width) {
        return Math.max(1, PAYING_POSITIONS / (height * width));
    }

    /**
     * A picture among those that are decoded together.
     *
     * @param features_LT features of the tokens, row by row; they stay the caller's
     * @param prompt what it shows, in place of the request's
     * @param randomness where its noise, one draw of [1, Z, 2 h, 2 w], comes from
     */
    public record Picture(Tensor features_LT, String prompt, Randomness randomness) {}

    /**
     * Decodes one image.
     *
     * @param features_LT features of the tokens, row by row; they stay the caller's
     * @param randomness where the noise, one draw of [1, Z, 2 h, 2 w], comes from
     * @param cancelled asked before each step
     * @return {@link #pixelsPerToken} for each token along both sides
     * @throws InputException if the features do not suit the request, or the image would be too large
     * @throws CancellationException if {@code cancelled} says so
     */
    public Pixels decode(Tensor features_LT, Request request, Randomness randomness, Progress progress, BooleanSupplier cancelled) {
        return decode(List.of(new Picture(features_LT, request.prompt(), randomness)), request, progress, cancelled).getFirst();
    }

    /**
     * Decodes images of the same size side by side. Each has its own noise; kernels round differently for different numbers of pictures.
     *
     * @param request for all of them, except for the prompt
     * @param cancelled asked before each step
     * @return an image for each picture
     * @throws InputException if features do not suit the request, or an image would be too large
     * @throws CancellationException if {@code cancelled} says so
     */
    public List<Pixels> decode(List<Picture> pictures, Request request, Progress progress, BooleanSupplier cancelled) {
        check(pictures, request);
        return isSmall(pictures.size(), request.height(), request.width())
                ? Engine.alone(() -> decodeOn(pictures, request, progress, cancelled))
                : decodeOn(pictures, request, progress, cancelled);
    }

    /**
     * Whether pictures of a grid of tokens are so small that one thread decodes them as fast as several, which would share operations too short to be split.
     * Several such may be decoded at the same time.
     */
    public boolean isSmall(int pictures, int height, int width) {
        return (long) pictures * height * width * config.width() <= SMALL;
    }

    private List<Pixels> decodeOn(List<Picture> pictures, Request request, Progress progress, BooleanSupplier cancelled) {
        FlowMatchScheduler.Schedule schedule = scheduler.schedule(request.steps(), request.height() * request.width());
        // Not an inference scope: models load in between, and weights made in inference mode could never be trained.
        try (Scope scope = Scope.plain()) {
            Conditioning conditioning = conditioning(pictures, request);
            Tensor latents = walk(conditioning, pictures, request, schedule, progress, cancelled);
            release(transformer);
            checkCancelled(cancelled);
            List<Pixels> images = images(latents, request.tiles());
            release(vae);
            return images;
        }
    }

    private void check(List<Picture> pictures, Request request) {
        int h = request.height();
        int w = request.width();
        requireArea(h, w);
        for (Picture picture : pictures) {
            Tensor features_LT = picture.features_LT();
            if (features_LT.dim() != 2 || features_LT.size(0) != (long) h * w || features_LT.size(1) != config.siglipChannels()) {
                throw new InputException("token features have the shape " + StoredTensor.shapeText(Tensors.shape(features_LT))
                        + ", expected [" + (long) h * w + ", " + config.siglipChannels() + "]; use the tokenizer of the same checkpoint");
            }
        }
    }

    private Conditioning conditioning(List<Picture> pictures, Request request) {
        return switch (kind) {
            case TOKENS_ONLY -> {
                try (Scope scope = Scope.inference()) {
                    yield new Conditioning.TokensOnly(scope.keep(tokens(pictures, request)));
                }
            }
            case TEXT_AND_TOKENS -> {
                PromptEncoder encoder = promptEncoder.get();
                Conditioning.TextAndTokens conditioning;
                try (Scope scope = Scope.inference()) {
                    PromptEncoder.Encoding text = encode(encoder, pictures, request);
                    conditioning = new Conditioning.TextAndTokens(
                            scope.keep(tokens(pictures, request)), scope.keep(text.text()), scope.keep(text.pooled()));
                }
                release(promptEncoder);
                yield conditioning;
            }
        };
    }

    /** The prompts, and the empty prompt for each unconditional branch. */
    private static PromptEncoder.Encoding encode(PromptEncoder encoder, List<Picture> pictures, Request request) {
        List<PromptEncoder.Encoding> all = new ArrayList<>();
        pictures.forEach(p -> all.add(encoder.encode(p.prompt())));
        if (request.guided()) {
            all.addAll(Collections.nCopies(pictures.size(), encoder.encode("")));
        }
        return new PromptEncoder.Encoding(
                joined(all.stream().map(PromptEncoder.Encoding::text).toList()),
                joined(all.stream().map(PromptEncoder.Encoding::pooled).toList()));
    }

    /** The tokens' features [P, L, T], and zeros for the unconditional branches. */
    private static Tensor tokens(List<Picture> pictures, Request request) {
        Tensor tokens = joined(pictures.stream().map(p -> p.features_LT().unsqueeze(0)).toList());
        return request.guided() ? both(tokens, zeros_like(tokens)) : tokens;
    }

    private static Tensor joined(List<Tensor> rows) {
        return rows.size() == 1 ? rows.getFirst() : cat(new TensorVector(rows.toArray(Tensor[]::new)), 0);
    }

    private static Tensor both(Tensor conditional, Tensor unconditional) {
        return cat(new TensorVector(conditional, unconditional), 0);
    }

    /** From noise to latents [P, Z, 2 h, 2 w], fp32 throughout however the transformer computes. */
    private Tensor walk(
            Conditioning conditioning,
            List<Picture> pictures,
            Request request,
            FlowMatchScheduler.Schedule schedule,
            Progress progress,
            BooleanSupplier cancelled) {
        int h = request.height();
        int w = request.width();
        FluxTransformer model = transformer.get();
        int text = conditioning instanceof Conditioning.TextAndTokens(Tensor t, Tensor vectors, Tensor p) ? (int) vectors.size(1) : 0;
        try (Scope scope = Scope.inference()) {
            AxialRope rope = model.rope(text, h, w);
            long[] shape = {1, vaeConfig.latentChannels(), (long) LatentPacking.SIDE * h, (long) LatentPacking.SIDE * w};
            Tensor noise = joined(pictures.stream().map(p -> Tensors.normal(p.randomness(), shape)).toList()).to(model.numerics().torchDevice(), ScalarType.Float);
            Tensor x = LatentPacking.pack(noise);
            for (int i = 0; i < schedule.steps(); i++) {
                checkCancelled(cancelled);
                int step = i;
                x = Scope.next(x, now -> {
                    Tensor velocity = velocity(model, now, schedule.timestep(step) / TIMESTEPS, conditioning, rope, request);
                    return schedule.advance(now, velocity, step);
                });
                progress.step(i + 1, schedule.steps());
            }
            return scope.keep(LatentPacking.unpack(x, h, w));
        }
    }

    private static Tensor velocity(
            FluxTransformer model, Tensor x_PLC, float level, Conditioning conditioning, AxialRope rope, Request request) {
        Tensor x_BLC = request.guided() ? both(x_PLC, x_PLC) : x_PLC;
        TensorOptions options = new TensorOptions(ScalarType.Float).device(new DeviceOptional(x_PLC.device()));
        long[] batch = {x_BLC.size(0)};
        Tensor sigmas = full(batch, new Scalar(level), options);
        Tensor distilled = full(batch, new Scalar(DISTILLED_GUIDANCE), options);
        Tensor v_BLC = model.forward(x_BLC, sigmas, distilled, conditioning, rope).to(ScalarType.Float);
        if (!request.guided()) {
            return v_BLC;
        }
        long pictures = x_PLC.size(0);
        Tensor conditional = v_BLC.narrow(0, 0, pictures);
        Tensor unconditional = v_BLC.narrow(0, pictures, pictures);
        return unconditional.add(conditional.sub(unconditional).mul(new Scalar(request.guidance())));
    }

    /** The images of latents. */
    private List<Pixels> images(Tensor latents_PZYX, @Nullable Tiles tiles) {
        Vae model = vae.get();
        try (Scope scope = Scope.inference()) {
            // Channels side by side, which all layers then keep: the form in which convolutions are fast (docs/log.md, 2026-11-28).
            Tensor z = model.unscaled(latents_PZYX).contiguous(MemoryFormat.ChannelsLast);
            Tensor pixels_P3YX = (tiles == null ? model.decode(z) : model.decodeTiled(z, tiles)).to(ScalarType.Float);
            List<Pixels> images = new ArrayList<>();
            for (long i = 0; i < pixels_P3YX.size(0); i++) {
                images.add(image(pixels_P3YX.select(0, i)));
            }
            return images;
        }
    }

    /** Each value rounded half to even. */
    private static Pixels image(Tensor pixels_3YX) {
        Tensor unit = pixels_3YX
                .div(new Scalar(2))
                .add(new Scalar(0.5))
                .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(1.0)));
        Tensor bytes_YX3 = unit.permute(1, 2, 0).mul(new Scalar(255)).round().to(ScalarType.Byte).cpu().contiguous();
        return new Pixels((int) bytes_YX3.size(0), (int) bytes_YX3.size(1), Tensors.segment(bytes_YX3).toArray(ValueLayout.JAVA_BYTE));
    }

    private void release(Lazy<?> model) {
        if (offload) {
            model.close();
        }
    }

    private static void checkCancelled(BooleanSupplier cancelled) {
        if (cancelled.getAsBoolean()) {
            throw new CancellationException("decoding was cancelled");
        }
    }

    @Override
    public void close() {
        promptEncoder.close();
        transformer.close();
        vae.close();
    }
}
