package org.xomni;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.function.ObjIntConsumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Sequence;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.decoder.DiffusionDecoder;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.DType;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Lazy;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Quantization;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.XOmniException;
import org.xomni.text.Span;
import org.xomni.text.TextStream;
import org.xomni.text.TextTokenizer;
import org.xomni.tokenizer.ImageTokenizer;

/**
 * X-Omni, ready to draw and to answer.
 *
 * <pre>{@code
 * try (XOmni xomni = XOmni.load(Path.of("X-Omni-En"), LoadOptions.DEFAULT)) {
 *     Drawing sign = xomni.draw(DrawRequest.of("a sign that says \"OPEN\"", 1152, 1152, 1234), Progress.NONE);
 *     Reply reply = xomni.chat(ChatRequest.of("What does the sign say?", sign.pixels()), piece -> {}, Progress.NONE);
 * }
 * }</pre>
 *
 * <p>Parts load when they are first needed, or all by {@link #preload}: tokenizing needs no language model, chatting no decoder. An instance is used by one thread at a
 * time; rows of one request run as a batch.
 */
public final class XOmni implements AutoCloseable {
    /** The most images that are drawn side by side, and the most positions that their caches hold. */
    private static final int MOST_ROWS = 32;
    private static final int MOST_POSITIONS = 16_384;

    private final Checkpoint checkpoint;
    private final LoadOptions options;
    private final Lazy<TextTokenizer> text;
    private final Lazy<ImageTokenizer> tokenizer;
    private final Lazy<UnifiedModel> model;
    private final Lazy<DiffusionDecoder> decoder;
    private final ModelInput input;
    /** Those that are open: each may have a cache over the unified model. */
    private final Set<Conversation> conversations = new HashSet<>();
    /** Whether a {@link ServingEngine} uses it. */
    private final AtomicBoolean served = new AtomicBoolean();
    private volatile boolean closed;
    /** Whether {@link #requireDecoder} has found nothing wrong. */
    private boolean canMakePixels;

    private XOmni(Checkpoint checkpoint, LoadOptions options) {
        // What can be nowhere is said now; the checkpoint's own type suits every device.
        Numerics unused = Numerics.on(options.device(), options.dtype() != null ? options.dtype() : DType.FLOAT32, options.quantization());
        if (options.threads() > 0) {
            Engine.threads(options.threads());
        }
        this.checkpoint = checkpoint;
        this.options = options;
        this.text = part(() -> TextTokenizer.load(checkpoint.folder()));
        this.tokenizer = part(() -> ImageTokenizer.load(checkpoint.folder(), visionNumerics()));
        this.model = part(this::loadModel);
        this.decoder = part(this::loadDecoder);
        this.input = new ModelInput(checkpoint, text, this::encode);
    }

    /**
     * A checkpoint in a folder, in the layout of the release. Reads configurations only; weights load when they are needed.
     *
     * @throws InputException if it cannot be used, or not as the options say; with what to do
     */
    public static XOmni load(Path folder, LoadOptions options) {
        return new XOmni(Checkpoint.read(folder, options.flux()), options);
    }

    /** The model on the class path. */
    public static XOmni loadDefault(LoadOptions options) {
        return load(DefaultModel.locate(), options);
    }

    /** The folder of the model on the class path; unpacked there if need be. */
    public static Path defaultModel() {
        return DefaultModel.locate();
    }

    /** A part that loads when it is needed, but not once all is closed: nobody would free it. */
    private <T extends AutoCloseable> Lazy<T> part(Supplier<T> load) {
        return new Lazy<>(() -> {
            if (closed) {
                throw new XOmniException("this XOmni is closed; load the checkpoint again");
            }
            return load.get();
        });
    }

    /**
     * Loads all parts now, so that the first requests take no longer than others; where parts take turns there is nothing to do.
     *
     * @throws CheckpointException if one is missing or cannot be used
     */
    public void preload() {
        if (!options.offload()) {
            input.load();
            tokenizer.get().preload();
            UnifiedModel unused = model.get();
            decoder.get().preload();
        }
    }

    private UnifiedModel loadModel() {
        Path folder = checkpoint.folder();
        ShardedSafetensors weights = ShardedSafetensors.open(folder, "model");
        Numerics held = Numerics.of(options.dtype(), checkpoint.storedDType(), options.quantization(), options.device());
        ParameterStore store = ParameterStore.of(folder.toString(), weights.tensors(), List.of(weights), held);
        try {
            return UnifiedModel.of(checkpoint.unified(), store);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    private DiffusionDecoder loadDecoder() {
        return DiffusionDecoder.load(
                checkpoint.folder().resolve(checkpoint.decoder().modelPath()),
                checkpoint.requireFlux(),
                checkpoint.decoder().upscaleFactor(),
                visionNumerics(),
                options.offload());
    }

    /** Of the image tokenizer and the decoder, which have a type of their own. */
    private Numerics visionNumerics() {
        return Numerics.of(options.dtype(), checkpoint.visionDType(), Quantization.NONE, options.device());
    }

    /** The checkpoint's configurations. */
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /**
     * Draws one image.
     *
     * @throws InputException if prompt, size or settings do not suit the checkpoint
     * @throws CancellationException if {@code progress} cancels
     */
    public Drawing draw(DrawRequest request, Progress progress) {
        return draw(List.of(request), progress).getFirst();
    }

    /**
     * Draws several images, their tokens side by side. Each has its own random numbers: the same request gives the same tokens alone and in
     * company, up to the rounding of the arithmetic.
     */
    public List<Drawing> draw(List<DrawRequest> requests, Progress progress) {
        Drawing[] drawings = new Drawing[requests.size()];
        draw(requests, progress, tokens -> {}, (drawing, i) -> drawings[i] = drawing);
        return List.of(drawings);
    }

    /**
     * The same, handing over what is done as soon as it is, so that nothing is lost when something later fails.
     *
     * @param drawn hears the tokens of all images, before pixels are made of them
     * @param painted hears each image with its place in {@code requests}, in any order
     */
    public void draw(List<DrawRequest> requests, Progress progress, Consumer<List<ImageTokens>> drawn, ObjIntConsumer<Drawing> painted) {
        requireDecoder();
        List<ImageTokens> tokens = drawTokens(requests, progress);
        drawn.accept(tokens);
        makeRoomFor(decoder);
        List<TokenDecoder.Picture> pictures = IntStream.range(0, requests.size())
                .mapToObj(i -> picture(tokens.get(i), requests.get(i).prompt(), requests.get(i).seed(), requests.get(i).decode()))
                .toList();
        pixels().decode(pictures, progress, (pixels, i) -> painted.accept(new Drawing(tokens.get(i), pixels, requests.get(i).seed()), i));
    }

    /** The tokens of several images, without making pixels of them. */
    public List<ImageTokens> drawTokens(List<DrawRequest> requests, Progress progress) {
        int together = Math.clamp(MOST_POSITIONS / Math.max(1, steps(requests)), 1, MOST_ROWS);
        List<List<DrawRequest>> groups = IntStream.iterate(0, from -> from < requests.size(), from -> from + together)
                .mapToObj(from -> requests.subList(from, Math.min(requests.size(), from + together)))
                .toList();
        int total = groups.stream().mapToInt(this::steps).sum();
        List<ImageTokens> tokens = new ArrayList<>();
        int done = 0;
        for (List<DrawRequest> group : groups) {
            tokens.addAll(drawSideBySide(group, progress, done, total));
            done += steps(group);
        }
        return tokens;
    }

    /** How many tokens the largest image has: as many steps as all take side by side. */
    private int steps(List<DrawRequest> requests) {
        return requests.stream().map(input::grid).mapToInt(ModelInput.Grid::tokens).max().orElse(0);
    }

    /**
     * @param before steps of other groups that are done
     * @param total steps of all groups
     */
    private List<ImageTokens> drawSideBySide(List<DrawRequest> requests, Progress progress, int before, int total) {
        List<ModelInput.Grid> grids = requests.stream().map(input::grid).toList();
        List<int[]> prompts = new ArrayList<>();
        int longest = 0;
        for (int i = 0; i < requests.size(); i++) {
            int[] prompt = input.prompt(requests.get(i).prompt(), grids.get(i));
            prompts.add(prompt);
            longest = Math.max(longest, prompt.length + grids.get(i).tokens());
        }
        int slots = requests.stream().mapToInt(r -> r.sampling().guided() ? 2 : 1).sum();
        // So that a seed draws the same picture, however many are drawn with it.
        try (Batch batch = new Batch(model(), slots, longest, true)) {
            List<Sequence> rows = new ArrayList<>();
            for (int i = 0; i < requests.size(); i++) {
                rows.add(batch.join(input.imageRow(prompts.get(i), grids.get(i), requests.get(i), id -> {})));
            }
            int done = before;
            progress.report(Progress.Phase.DRAWING, done, total);
            boolean more = true;
            while (more) {
                checkCancelled(progress);
                more = batch.step();
                progress.report(Progress.Phase.DRAWING, ++done, total);
            }
            List<ImageTokens> tokens = new ArrayList<>();
            for (int i = 0; i < rows.size(); i++) {
                tokens.add(input.vocabulary().drawn(grids.get(i).height(), grids.get(i).width(), rows.get(i).drawn()));
            }
            return tokens;
        }
    }

    /**
     * Answers a question.
     *
     * @param listener hears the answer piece by piece, whole characters only
     */
    public Reply chat(ChatRequest request, Consumer<String> listener, Progress progress) {
        List<Span> images = request.images().stream().map(image -> input.image(tokenize(image))).toList();
        int[] prompt = input.render(List.of(ModelInput.userMessage(images, request.prompt())));
        int limit = limit(request.maxTokens(), prompt.length);
        long needed = (long) prompt.length + limit;
        try (Batch batch = new Batch(model(), 1, (int) Math.min(needed, checkpoint.unified().maxPositions()))) {
            return answer(batch, heard -> batch.join(textRow(prompt, request, limit, heard)), limit, listener, progress);
        }
    }

    /**
     * The longest answer: what is asked for, or else what the context leaves of the default.
     *
     * @param asked tokens, or 0
     * @param read how many ids stand before it
     */
    int limit(int asked, int read) {
        return asked > 0
                ? asked
                : Math.clamp(checkpoint.unified().maxPositions() + 1L - read, 1, ChatRequest.DEFAULT_MAX_TOKENS);
    }

    /** The row of a question. */
    Batch.Request textRow(int[] prompt, ChatRequest request, int limit, IntConsumer listener) {
        return input.textRow(prompt, request.sampling(), request.seed(), limit, listener);
    }

    /** Runs a text row to its end. */
    Reply answer(
            Batch batch,
            Function<IntConsumer, Sequence> join,
            int limit,
            Consumer<String> listener,
            Progress progress) {
        TextStream stream = text.get().stream(true);
        int[] done = {0};
        Sequence row = join.apply(id -> {
            tell(listener, stream.push(id));
            progress.report(Progress.Phase.ANSWERING, ++done[0], limit);
        });
        try {
            boolean more = true;
            while (more) {
                checkCancelled(progress);
                more = batch.step();
            }
        } finally {
            batch.leave(row);
        }
        tell(listener, stream.finish());
        int[] said = row.drawn();
        return new Reply(text.get().decode(said, true), said, said.length < limit);
    }

    private static void tell(Consumer<String> listener, String piece) {
        if (!piece.isEmpty()) {
            listener.accept(piece);
        }
    }

    /** Begins a conversation of any number of turns in which images are shown and drawn. */
    public Conversation converse() {
        Conversation conversation = new Conversation(this);
        conversations.add(conversation);
        return conversation;
    }

    /**
     * An image as tokens.
     *
     * @throws InputException if it is too small or too narrow
     */
    public ImageTokens tokenize(Pixels image) {
        makeRoomFor(tokenizer);
        return encode(image);
    }

    /** The same while the unified model stays, which a conversation has read with. */
    ImageTokens encode(Pixels image) {
        return tokenizer.get().encode(image);
    }

    /**
     * Tokens as an image.
     *
     * @param prompt what the image shows; used by checkpoints whose decoder reads text
     * @param seed of the decoder's noise
     * @throws InputException if a token is not in the codebook, or a setting does not suit
     */
    public Pixels detokenize(ImageTokens tokens, String prompt, long seed, DecodeSettings settings, Progress progress) {
        makeRoomFor(decoder);
        return pixels().decode(List.of(picture(tokens, prompt, seed, settings)), progress).getFirst();
    }

    private TokenDecoder.Picture picture(ImageTokens tokens, String prompt, long seed, DecodeSettings settings) {
        return new TokenDecoder.Picture(tokens, tokens.height() * tokens.width(), asRead(prompt), seed, settings);
    }

    /** The reference decodes with the prompt's ids made text again: both models read the same characters. */
    String asRead(String prompt) {
        return text.get().decode(text.get().encode(prompt));
    }

    /** Makes pixels of tokens; touches the image tokenizer and the decoder only, so that other threads may do it while one draws. */
    TokenDecoder pixels() {
        return new TokenDecoder(checkpoint.decoder(), tokenizer, decoder, options.offload());
    }

    /**
     * Finds out before the work on tokens whether pixels can be made of them; looks at configurations, names and shapes only, and once.
     *
     * @throws CheckpointException if something that this takes is missing or does not fit
     */
    void requireDecoder() {
        if (!canMakePixels) {
            Inspection.requirePixels(checkpoint);
            canMakePixels = true;
        }
    }

    UnifiedModel model() {
        makeRoomFor(model);
        return model.get();
    }

    /** Frees the other parts, if they take turns. */
    private void makeRoomFor(Lazy<?> part) {
        if (options.offload()) {
            if (part != model) {
                releaseModel();
            }
            Stream.of(tokenizer, decoder).filter(other -> other != part).forEach(Lazy::close);
        }
    }

    /** What the unified model reads. */
    ModelInput input() {
        return input;
    }

    TextTokenizer text() {
        return text.get();
    }

    /** How many of image tokenizer, unified model and decoder are loaded. */
    int loaded() {
        return (int) Stream.of(tokenizer, model, decoder).filter(Lazy::isLoaded).count();
    }

    boolean offloads() {
        return options.offload();
    }

    /** Whether everything is computed by the CPU. */
    boolean onCpu() {
        return visionNumerics().onCpu();
    }

    /** Frees the unified model's memory, and what conversations have read with it; it loads again when needed, and they read again. */
    void releaseModel() {
        conversations.forEach(Conversation::releaseCache);
        model.close();
    }

    /** A conversation has closed. */
    void ended(Conversation conversation) {
        conversations.remove(conversation);
    }

    static void checkCancelled(Progress progress) {
        if (progress.cancelled()) {
            throw new CancellationException("the request was cancelled");
        }
    }

    /**
     * An engine begins to use it.
     *
     * @throws XOmniException if another does
     */
    void beginServing() {
        if (!served.compareAndSet(false, true)) {
            throw new XOmniException("a ServingEngine uses this XOmni already; ask that one, close it first, or load the checkpoint once more");
        }
    }

    void endServing() {
        served.set(false);
    }

    /**
     * Frees everything; what is asked for afterwards is an error.
     *
     * @throws XOmniException if a {@link ServingEngine} uses it still: close that first
     */
    @Override
    public void close() {
        if (served.get()) {
            throw new XOmniException("a ServingEngine uses this XOmni still; close that first");
        }
        closed = true;
        releaseModel();
        decoder.close();
        tokenizer.close();
        text.close();
    }
}
