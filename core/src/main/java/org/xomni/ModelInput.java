package org.xomni;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Lazy;
import org.xomni.text.ChatTemplate;
import org.xomni.text.Message;
import org.xomni.text.Span;
import org.xomni.text.TextTokenizer;

/** What the unified model reads: prompts and conversations as ids, and the rows of a batch that go on from them. */
final class ModelInput {
    private final Checkpoint checkpoint;
    private final Lazy<TextTokenizer> text;
    private final Function<Pixels, ImageTokens> tokenizer;
    private @Nullable ChatTemplate template;

    /** @param tokenizer of pictures in conversations */
    ModelInput(Checkpoint checkpoint, Lazy<TextTokenizer> text, Function<Pixels, ImageTokens> tokenizer) {
        this.checkpoint = checkpoint;
        this.text = text;
        this.tokenizer = tokenizer;
    }

    /** Tokens along both sides of an image. */
    record Grid(int height, int width) {
        int tokens() {
            return height * width;
        }
    }

    /**
     * The grid of a request.
     *
     * @throws InputException if its size is no multiple of the patch
     */
    Grid grid(DrawRequest request) {
        int patch = checkpoint.decoder().upscaleFactor();
        int height = request.height();
        int width = request.width();
        if (height < patch || width < patch || height % patch != 0 || width % patch != 0) {
            throw new InputException("size " + height + "x" + width + " is not a multiple of " + patch + " pixels; " + instead(height, width, patch));
        }
        long tokens = (long) (height / patch) * (width / patch);
        if (tokens > checkpoint.unified().maxPositions()) {
            throw new InputException("size " + height + "x" + width + " takes " + tokens + " tokens, and the context holds "
                    + checkpoint.unified().maxPositions() + "; draw a smaller image");
        }
        return new Grid(height / patch, width / patch);
    }

    /** The nearest size, if it can be drawn. */
    private String instead(int height, int width, int patch) {
        int near = nearest(height, patch);
        int wide = nearest(width, patch);
        boolean fits = (long) (near / patch) * (wide / patch) <= checkpoint.unified().maxPositions();
        return fits ? "try " + near + "x" + wide : "and an image may have " + checkpoint.unified().maxPositions() + " patches; draw a smaller one";
    }

    private static int nearest(int side, int patch) {
        return Math.max(1, Math.round((float) side / patch)) * patch;
    }

    Vocabulary vocabulary() {
        return new Vocabulary(checkpoint.unified(), text.get());
    }

    /** The ids of a prompt alone, up to where the image begins. */
    int[] prompt(String prompt, Grid grid) {
        return beforeImage(text.get().encode(prompt), grid);
    }

    /** The ids of a conversation, up to where the assistant draws. */
    int[] render(List<Message> messages, Grid grid) {
        return beforeImage(render(messages), grid);
    }

    private int[] beforeImage(int[] ids, Grid grid) {
        return concat(ids, vocabulary().imageHeader(grid.height(), grid.width()));
    }

    /** The ids of a conversation, up to where the assistant speaks. */
    int[] render(List<Message> messages) {
        return template().encode(messages, true, text.get());
    }

    private ChatTemplate template() {
        ChatTemplate loaded = template;
        if (loaded == null) {
            loaded = ChatTemplate.load(checkpoint.folder());
            template = loaded;
        }
        return loaded;
    }

    /**
     * Loads what would be loaded with the first prompt.
     *
     * @throws org.xomni.tensor.CheckpointException if text tokenizer or chat template are missing or do not fit
     */
    void load() {
        Vocabulary unused = vocabulary();
        ChatTemplate alsoUnused = template();
    }

    /** A part of a message that shows an image. */
    Span image(ImageTokens tokens) {
        return new Span.Ids(vocabulary().image(tokens));
    }

    /** A message of the user, as the model was trained to read it: images first. */
    static Message userMessage(List<Span> images, String said) {
        return new Message("user", content(images, said));
    }

    private static List<Span> content(List<Span> images, String said) {
        List<Span> content = new ArrayList<>(images);
        if (!images.isEmpty()) {
            content.add(new Span.Trusted("\n"));
        }
        content.add(new Span.Plain(said));
        return content;
    }

    /** A message as the model was trained to read it; one that only shows images, such as a drawn one, is nothing but these. */
    Message message(Turn turn) {
        List<Span> images = new ArrayList<>();
        for (Turn.Part part : turn.parts()) {
            switch (part) {
                case Turn.Text unused -> { }
                case Turn.Picture(Pixels pixels) -> images.add(image(tokenizer.apply(pixels)));
                case Turn.Tokens(ImageTokens tokens) -> images.add(image(tokens));
            }
        }
        String said = turn.text();
        return new Message(turn.role(), said.isEmpty() && !images.isEmpty() ? images : content(images, said));
    }

    /** A row that draws: it reads the prompt, and without it the bare header. */
    Batch.Request imageRow(int[] prompt, Grid grid, DrawRequest request, IntConsumer listener) {
        Vocabulary vocabulary = vocabulary();
        return new Batch.Request(
                prompt,
                vocabulary.imageHeader(grid.height(), grid.width()),
                Head.IMAGE,
                request.sampling(),
                request.seed(),
                vocabulary.control(),
                Set.of(),
                grid.tokens(),
                listener);
    }

    /** A row that speaks, until its turn ends or {@code limit} ids have come. */
    Batch.Request textRow(int[] prompt, Sampling sampling, long seed, int limit, IntConsumer listener) {
        return new Batch.Request(
                prompt, null, Head.TEXT, sampling, seed, Set.of(), Set.of(vocabulary().endOfTurn()), limit, listener);
    }

    static int[] concat(int[] a, int[] b) {
        int[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }
}
