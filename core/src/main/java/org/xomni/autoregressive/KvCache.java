package org.xomni.autoregressive;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.xomni.nn.Attention;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;

/**
 * Keys and values of the positions already read, in slots allocated once: a row of a batch takes a slot, fills it position by position and
 * gives it back. Nothing is ever concatenated or moved. On the CPU memory of positions that were never reached is not touched, so that a generous
 * capacity costs address space only.
 */
public final class KvCache implements AutoCloseable {
    private final int capacity;
    private final List<Tensor> keys_SGTK;
    private final List<Tensor> values_SGTK;
    private final Deque<Integer> free = new ArrayDeque<>();

    /**
     * @param slots how many rows at once; guidance takes two for one image
     * @param capacity positions in a slot
     */
    public KvCache(UnifiedModel model, int slots, int capacity) {
        UnifiedConfig c = model.config();
        this.capacity = Math.min(capacity, c.maxPositions());
        long[] shape = {slots, c.keyValueHeads(), this.capacity, c.headWidth()};
        this.keys_SGTK = IntStream.range(0, c.layers()).mapToObj(i -> allocate(model, shape)).toList();
        this.values_SGTK = IntStream.range(0, c.layers()).mapToObj(i -> allocate(model, shape)).toList();
        IntStream.range(0, slots).forEach(free::add);
    }

    private static Tensor allocate(UnifiedModel model, long[] shape) {
        try (Scope scope = Scope.plain()) {
            // Rows that attend side by side multiply what they have not read by zero, so it must be finite.
            Tensor t = model.numerics().onCpu()
                    ? torch.empty(shape, model.numerics().computeOptions(), null)
                    : torch.zeros(shape, model.numerics().computeOptions());
            t.retainReference();
            return t;
        }
    }

    /** Positions that a slot can hold. */
    public int capacity() {
        return capacity;
    }

    /** How many slots nobody holds. */
    public int free() {
        return free.size();
    }

    /** Keys of one layer, [S, G, T, K]. */
    Tensor keys(int layer) {
        return keys_SGTK.get(layer);
    }

    /** Values of one layer, [S, G, T, K]. */
    Tensor values(int layer) {
        return values_SGTK.get(layer);
    }

    /**
     * Takes a free slot.
     *
     * @throws InputException if there is none
     */
    public Slot acquire() {
        Integer index = free.poll();
        if (index == null) {
            throw new InputException("all " + keys_SGTK.getFirst().size(0) + " rows of the batch are taken; finish one first");
        }
        return new Slot(index);
    }

    @Override
    public void close() {
        keys_SGTK.forEach(Tensor::releaseReference);
        values_SGTK.forEach(Tensor::releaseReference);
    }

    /** One row's place in the cache. */
    public final class Slot implements AutoCloseable {
        private final int index;
        private int length;
        private boolean open = true;
        private int[] beginning = {};

        private Slot(int index) {
            this.index = index;
        }

        /** Which slot it is. */
        int index() {
            return index;
        }

        KvCache cache() {
            return KvCache.this;
        }

        /** Positions filled. */
        public int length() {
            return length;
        }

        /** Forgets the positions from {@code length} on. */
        public void rewind(int length) {
            if (length < 0 || length > this.length) {
                throw new IllegalArgumentException("cannot rewind " + this.length + " positions to " + length);
            }
            this.length = length;
            if (length < beginning.length) {
                beginning = new int[0];
            }
        }

        /** Says which ids were read first, from nothing. */
        void begunWith(int[] ids) {
            beginning = ids;
        }

        /** Whether it holds the positions of these ids, read first and in one piece. */
        boolean beginsWith(int[] ids) {
            return Arrays.equals(beginning, ids);
        }

        /** Fills an empty slot with the first positions of another one. */
        void copyFrom(Slot other, int positions) {
            try (Scope scope = Scope.inference()) {
                for (Tensor all_SGTK : Stream.concat(keys_SGTK.stream(), values_SGTK.stream()).toList()) {
                    Tensor theirs = all_SGTK.narrow(0, other.index, 1).narrow(2, 0, positions);
                    all_SGTK.narrow(0, index, 1).narrow(2, 0, positions).copy_(theirs);
                }
            }
            length = positions;
        }

        void advance(int positions) {
            length += positions;
        }

        /**
         * Checks that more positions fit.
         *
         * @throws InputException if not
         */
        void require(int positions) {
            if (length + positions > capacity) {
                throw new InputException("the sequence needs " + (length + positions) + " positions, and the context holds " + capacity
                        + "; shorten the prompt or draw a smaller image");
            }
        }

        /** This slot alone, as what a forward pass over new positions attends to: they are stored after the old ones. */
        AttentionContext context() {
            return (layer, q, k, v) -> {
                long fresh = k.size(2);
                Tensor keys = keys(layer).narrow(0, index, 1);
                Tensor values = values(layer).narrow(0, index, 1);
                keys.narrow(2, length, fresh).copy_(k);
                values.narrow(2, length, fresh).copy_(v);
                return Attention.causal(q, keys.narrow(2, 0, length + fresh), values.narrow(2, 0, length + fresh));
            };
        }

        /** Gives the slot back. */
        @Override
        public void close() {
            if (open) {
                open = false;
                free.addFirst(index);
            }
        }
    }
}
