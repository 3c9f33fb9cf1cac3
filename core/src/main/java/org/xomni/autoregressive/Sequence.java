package org.xomni.autoregressive;

import java.util.Arrays;
import java.util.Set;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One row of a batch: what it has read (its slot), the token it reads next, and how it draws. With guidance it has a second slot, for the
 * branch that does not see the prompt.
 */
public final class Sequence implements AutoCloseable {
    private final KvCache.Slot conditional;
    private final boolean ownsSlot;
    private final KvCache.@Nullable Slot unconditional;
    private final Head head;
    private final Sampler sampler;
    private final Set<Integer> stop;
    private final int limit;
    private final IntConsumer listener;
    private int[] drawn = new int[64];
    private int count;
    private int next;
    private boolean done;

    /**
     * @param conditional what the row reads and writes
     * @param ownsSlot whether {@code conditional} is given back when the row ends; if not, a conversation goes on with it
     * @param unconditional the branch that does not see the prompt, or null
     * @param next the last id of the prompt, which both slots have not read yet
     * @param stop ids that end the sequence and are not part of it
     * @param limit the most tokens to draw
     * @param listener hears every token drawn
     */
    Sequence(
            KvCache.Slot conditional,
            boolean ownsSlot,
            KvCache.@Nullable Slot unconditional,
            int next,
            Head head,
            Sampler sampler,
            Set<Integer> stop,
            int limit,
            IntConsumer listener) {
        this.conditional = conditional;
        this.ownsSlot = ownsSlot;
        this.unconditional = unconditional;
        this.next = next;
        this.head = head;
        this.sampler = sampler;
        this.stop = stop;
        this.limit = limit;
        this.listener = listener;
        this.done = limit <= 0;
    }

    /** The ids drawn so far, without the one that stopped it. */
    public int[] drawn() {
        return Arrays.copyOf(drawn, count);
    }

    /** Whether nothing more will be drawn: a stop token came, or the limit. */
    public boolean done() {
        return done;
    }

    /** The most tokens to draw. */
    public int limit() {
        return limit;
    }

    /** How many more tokens there are at most. */
    public int left() {
        return limit - count;
    }

    KvCache.Slot conditional() {
        return conditional;
    }

    KvCache.@Nullable Slot unconditional() {
        return unconditional;
    }

    Head head() {
        return head;
    }

    int next() {
        return next;
    }

    /** Draws from the scores after {@link #next()}, which are overwritten; any thread may. */
    int draw(float[] conditionalScores, float @Nullable [] unconditionalScores) {
        return sampler.draw(head, conditionalScores, unconditionalScores);
    }

    /** Goes on with an id that was drawn. */
    void accept(int id) {
        if (stop.contains(id)) {
            done = true;
            return;
        }
        if (count == drawn.length) {
            drawn = Arrays.copyOf(drawn, 2 * count);
        }
        drawn[count++] = id;
        next = id;
        done = count == limit;
        listener.accept(id);
    }

    /** Gives its slots back. */
    @Override
    public void close() {
        done = true;
        if (ownsSlot) {
            conditional.close();
        }
        if (unconditional != null) {
            unconditional.close();
        }
    }
}
