package org.xomni.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xomni.data.SampleStream.Indexed;
import org.xomni.tensor.InputException;

/**
 * Packs sequences into rows of a fixed length. A window of sequences waits; a row begins with the oldest, so that none waits forever, and
 * goes on with the longest that still fits until none does. A sequence that is longer than a row is skipped and counted.
 *
 * <p>Same source, same settings, same state: same batches. Used by one thread.
 */
public final class Packer implements AutoCloseable {
    /** Enough that short sequences fill the rest of most rows. */
    private static final int WINDOW = 64;

    /** For each thread: sequences are small, and sources may make many neighbours at once. */
    private static final int AHEAD = 32;

    private static final int NONE = -1;

    private final int rows;
    private final int length;
    private final SampleStream<TokenSequence> stream;
    private final List<Indexed<TokenSequence>> window = new ArrayList<>();

    /**
     * How far a packer is, between two batches.
     *
     * @param position of its stream
     * @param pending indices of the samples that wait, ascending
     */
    public record State(long position, List<Long> pending) {
        /** Nothing read yet. */
        public static final State START = new State(0, List.of());

        public State {
            pending = List.copyOf(pending);
        }
    }

    /**
     * @param source of tokenised samples; stays open when the packer is closed
     * @param from {@link State#START}, or the state after the last batch that counts
     * @param rows B of the batches
     * @param length L of the batches
     * @param threads that read and encode samples ahead
     * @throws InputException if a size is out of range, or the source has no longer what was pending
     */
    public Packer(SampleSource source, SequenceEncoder encoder, State from, int rows, int length, int threads) {
        if (rows < 1 || length < 2 || (long) rows * length > Integer.MAX_VALUE / 2) {
            throw new InputException("batches cannot have " + rows + " rows of length " + length + "; use at least 1 row of 2");
        }
        this.rows = rows;
        this.length = length;
        SampleStream.Maker<TokenSequence> maker = index -> fitting(source.sample(index), encoder, index);
        for (long index : from.pending) {
            try {
                window.add(new Indexed<>(index, maker.make(index)));
            } catch (BrokenSample e) {
                throw new InputException("sample " + index + " waited to be packed when the run stopped and cannot be used now: "
                        + e.getMessage() + "; restore data and settings, or start the stage anew", e);
            }
        }
        this.stream = new SampleStream<>(maker, from.position, threads, AHEAD * threads);
    }

    private TokenSequence fitting(Sample sample, SequenceEncoder encoder, long index) throws BrokenSample {
        TokenSequence sequence = encoder.encode(sample, index);
        if (sequence.length() > length) {
            throw new BrokenSample(sample.key() + " has " + sequence.length() + " tokens, more than a row of " + length);
        }
        return sequence;
    }

    /** The next batch; see {@link SampleStream#next} for what can go wrong. */
    public PackedBatch next() {
        int[] ids = new int[rows * length];
        int[] document = new int[rows * length];
        int[] positions = new int[rows * length];
        int[] targets = new int[rows * length];
        Arrays.fill(document, PackedBatch.NONE);
        Arrays.fill(targets, PackedBatch.NONE);
        int documents = 0;
        for (int row = 0; row < rows; row++) {
            int at = row * length;
            int end = at + length;
            for (TokenSequence next = takeFitting(end - at); next != null; next = takeFitting(end - at)) {
                for (int i = 0; i < next.length(); i++, at++) {
                    ids[at] = next.ids()[i];
                    document[at] = documents;
                    positions[at] = i;
                    if (next.supervised()[i]) {
                        targets[at - 1] = next.ids()[i];
                    }
                }
                documents++;
            }
        }
        State after = new State(stream.position(), window.stream().map(Indexed::index).toList());
        return new PackedBatch(rows, length, documents, ids, document, positions, targets, after);
    }

    /** Removes a sequence from the window: the oldest for an empty row, else the longest that fits (of these the oldest), or null. */
    private @Nullable TokenSequence takeFitting(int room) {
        while (window.size() < WINDOW) {
            window.add(stream.next());
        }
        if (room == length) {
            return window.removeFirst().value();
        }
        int best = NONE;
        for (int i = 0; i < WINDOW; i++) {
            int candidate = window.get(i).value().length();
            if (candidate <= room && (best == NONE || candidate > window.get(best).value().length())) {
                best = i;
            }
        }
        return best == NONE ? null : window.remove(best).value();
    }

    /** The samples that were broken or too long, since this packer was made. */
    public SampleStream.Skipped skipped() {
        return stream.skipped();
    }

    @Override
    public void close() {
        stream.close();
    }
}
