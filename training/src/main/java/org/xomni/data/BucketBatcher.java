package org.xomni.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xomni.data.SampleStream.Indexed;
import org.xomni.tensor.InputException;

/**
 * Batches for the stages that work on pictures: all samples of a batch have pictures of the same sizes, so that they stack. Samples wait in
 * a bucket for their sizes until it is full; the buckets hold a limited number together, after which the one with the oldest sample leaves
 * as a smaller batch. Samples without a picture are skipped.
 *
 * <p>Same source, same settings, same state: same batches. Used by one thread.
 */
public final class BucketBatcher implements AutoCloseable {
    private final SampleStream<Sample> stream;
    private final int batchSize;
    private final int mostPending;
    private final Map<List<Size>, List<Indexed<Sample>>> buckets = new LinkedHashMap<>();
    private int waiting;

    /** Sides of a picture: in pixels, or in tokens once it is tokenised. */
    public record Size(int height, int width) {
        static Size of(Picture picture) {
            return switch (picture) {
                case Picture.Raw(var pixels) -> new Size(pixels.height(), pixels.width());
                case Picture.Tokenised(var tokens) -> new Size(tokens.height(), tokens.width());
            };
        }
    }

    /**
     * How far a batcher is, between two batches.
     *
     * @param position of its stream
     * @param pending indices of the samples that wait in a bucket, ascending
     */
    public record State(long position, List<Long> pending) {
        /** Nothing read yet. */
        public static final State START = new State(0, List.of());

        public State {
            pending = List.copyOf(pending);
        }
    }

    /** Samples whose pictures have the same sizes, and how to go on after them. */
    public record Batch(List<Sample> samples, State after) {
        public Batch {
            samples = List.copyOf(samples);
        }

        /** The first picture of each sample. */
        public List<Picture> pictures() {
            return samples.stream().map(s -> s.pictures().getFirst()).toList();
        }
    }

    /**
     * @param source stays open when the batcher is closed
     * @param from {@link State#START}, or the state after the last batch that counts
     * @param batchSize samples in a batch
     * @param threads that make samples ahead
     * @throws InputException if the batch size is not positive, or the source has no longer what was pending
     */
    public BucketBatcher(SampleSource source, State from, int batchSize, int threads) {
        if (batchSize < 1) {
            throw new InputException("batch size " + batchSize + " is not positive; use at least 1");
        }
        this.batchSize = batchSize;
        this.mostPending = 16 * batchSize;
        for (long index : from.pending) {
            try {
                put(new Indexed<>(index, source.sample(index)));
            } catch (BrokenSample e) {
                throw new InputException("sample " + index + " waited for its batch when the run stopped and is broken now: "
                        + e.getMessage() + "; restore the data, or start the stage anew", e);
            }
        }
        this.stream = new SampleStream<>(i -> withPicture(source.sample(i)), from.position, threads);
    }

    private static Sample withPicture(Sample sample) throws BrokenSample {
        if (sample.pictures().isEmpty()) {
            throw new BrokenSample(sample.key() + " has no picture");
        }
        return sample;
    }

    /** The next batch; see {@link SampleStream#next} for what can go wrong. */
    public Batch next() {
        while (true) {
            Indexed<Sample> sample = stream.next();
            List<Size> sizes = put(sample);
            if (bucket(sizes).size() == batchSize) {
                return take(sizes);
            }
            if (waiting > mostPending) {
                return take(oldest());
            }
        }
    }

    private List<Size> put(Indexed<Sample> sample) {
        List<Size> sizes = sample.value().pictures().stream().map(Size::of).toList();
        bucket(sizes).add(sample);
        waiting++;
        return sizes;
    }

    private List<Indexed<Sample>> bucket(List<Size> sizes) {
        return buckets.computeIfAbsent(sizes, s -> new ArrayList<>());
    }

    private List<Size> oldest() {
        return buckets.entrySet().stream()
                .min(Comparator.comparingLong(bucket -> bucket.getValue().getFirst().index()))
                .orElseThrow()
                .getKey();
    }

    private Batch take(List<Size> sizes) {
        List<Sample> samples = bucket(sizes).stream().map(Indexed::value).toList();
        buckets.remove(sizes);
        waiting -= samples.size();
        return new Batch(samples, state());
    }

    private State state() {
        List<Long> pending = buckets.values().stream().flatMap(List::stream).map(Indexed::index).sorted().toList();
        return new State(stream.position(), pending);
    }

    /** The samples that were broken or had no picture, since this batcher was made. */
    public SampleStream.Skipped skipped() {
        return stream.skipped();
    }

    @Override
    public void close() {
        stream.close();
    }
}
