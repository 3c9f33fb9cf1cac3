package org.xomni;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.KvCache;
import org.xomni.autoregressive.Sequence;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.XOmniException;
import org.xomni.text.Message;
import org.xomni.text.Span;

/**
 * A conversation in which text and images alternate. Everything stays in one sequence: an image that the model drew is there as the tokens
 * that it drew, and later turns attend to these; it is never encoded again (paper, section 1: "understands the image it generated").
 *
 * <p>A drawn image is an assistant message {@code <SOM>h w<IMAGE>...<EOM>} after the user's prompt; with guidance the unconditional branch
 * is the bare header. What was read stays in the cache, so a turn costs its own tokens only; where the unified model was released in between ({@link LoadOptions#offload})
 * the next turn reads everything again. A turn that fails or is cancelled leaves the conversation as it was before. Used by one thread at a time, the one that uses the
 * {@link XOmni} that it came from; to be closed before that.
 */
public final class Conversation implements AutoCloseable {
    private final XOmni xomni;
    private final List<Message> messages = new ArrayList<>();
    private final List<Span> pending = new ArrayList<>();
    private @Nullable Batch batch;
    private KvCache.@Nullable Slot slot;
    private int[] read = {};
    private boolean closed;

    Conversation(XOmni xomni) {
        this.xomni = xomni;
    }

    /**
     * Shows an image; it belongs to the next message.
     *
     * @return its tokens
     */
    public ImageTokens show(Pixels image) {
        ImageTokens tokens = xomni.encode(image);
        pending.add(xomni.input().image(tokens));
        return tokens;
    }

    /**
     * Says something and hears the answer.
     *
     * @param request images in it are shown after those of {@link #show}
     * @param listener hears the answer piece by piece
     */
    public Reply say(ChatRequest request, Consumer<String> listener, Progress progress) {
        List<Span> shown = new ArrayList<>(pending);
        request.images().forEach(image -> shown.add(xomni.input().image(xomni.encode(image))));
        List<Message> turn = withUserMessage(shown, request.prompt());
        int[] ids = xomni.input().render(turn);
        int limit = xomni.limit(request.maxTokens(), ids.length);
        Reply reply = xomni.answer(batch(), heard -> join(ids, unread -> xomni.textRow(unread, request, limit, heard)), limit, listener, progress);
        remember(ids, reply.tokens());
        commit(turn, new Span.Plain(reply.text()));
        return reply;
    }

    /** Asks for an image. */
    public Drawing draw(DrawRequest request, Progress progress) {
        ModelInput.Grid grid = xomni.input().grid(request);
        xomni.requireDecoder();
        List<Message> turn = withUserMessage(pending, request.prompt());
        int[] ids = xomni.input().render(turn, grid);
        Sequence row = join(ids, unread -> xomni.input().imageRow(unread, grid, request, id -> {}));
        try {
            progress.report(Progress.Phase.DRAWING, 0, grid.tokens());
            for (int done = 1; done <= grid.tokens(); done++) {
                XOmni.checkCancelled(progress);
                batch().step();
                progress.report(Progress.Phase.DRAWING, done, grid.tokens());
            }
        } finally {
            batch().leave(row);
        }
        remember(ids, row.drawn());
        ImageTokens tokens = xomni.input().vocabulary().drawn(grid.height(), grid.width(), row.drawn());
        Pixels pixels = xomni.detokenize(tokens, request.prompt(), request.seed(), request.decode(), progress);
        commit(turn, xomni.input().image(tokens));
        return new Drawing(tokens, pixels, request.seed());
    }

    /** What was said so far, images as their vocabulary ids. */
    public List<Message> messages() {
        return List.copyOf(messages);
    }

    /** The vocabulary ids that the model has read and keeps in its cache. */
    public int[] read() {
        return read.clone();
    }

    private List<Message> withUserMessage(List<Span> shown, String prompt) {
        List<Message> turn = new ArrayList<>(messages);
        turn.add(ModelInput.userMessage(shown, prompt));
        return turn;
    }

    private void commit(List<Message> turn, Span answer) {
        messages.clear();
        messages.addAll(turn);
        messages.add(new Message("assistant", List.of(answer)));
        pending.clear();
    }

    /** Adds a row that reads what of {@code ids} the cache does not hold yet. */
    private Sequence join(int[] ids, Function<int[], Batch.Request> request) {
        if (slot == null) {
            slot = batch().acquire();
            read = new int[0];
        }
        int mismatch = Arrays.mismatch(read, ids);
        int known = mismatch < 0 ? ids.length : mismatch;
        // The last id is read by the step that draws after it.
        known = Math.min(known, ids.length - 1);
        slot.rewind(known);
        read = Arrays.copyOf(ids, known);
        try {
            return batch().join(slot, request.apply(Arrays.copyOfRange(ids, known, ids.length)));
        } catch (RuntimeException | Error e) {
            slot.rewind(Math.min(slot.length(), known));
            throw e;
        }
    }

    /** The slot has read the prompt and what was drawn after it, but for the last token. */
    private void remember(int[] ids, int[] drawn) {
        if (slot != null) {
            read = Arrays.copyOf(ModelInput.concat(ids, drawn), slot.length());
        }
    }

    private Batch batch() {
        if (closed) {
            throw new XOmniException("this conversation is closed; begin another");
        }
        // Also where the batch is there: what an image was tokenized with makes room.
        UnifiedModel model = xomni.model();
        if (batch == null) {
            batch = new Batch(model, 2, xomni.checkpoint().unified().maxPositions());
        }
        return batch;
    }

    /** Gives up what the model has read, before the model itself is released. */
    void releaseCache() {
        if (slot != null) {
            slot.close();
            slot = null;
        }
        if (batch != null) {
            batch.close();
            batch = null;
        }
        read = new int[0];
    }

    @Override
    public void close() {
        closed = true;
        releaseCache();
        xomni.ended(this);
    }
}
