package org.xomni.train;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.xomni.data.BrokenSample;
import org.xomni.data.BucketBatcher;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.XOmniException;
import org.xomni.tokenizer.ImageTokenizer;

/**
 * A source whose pictures are tokenised on the way, for training without a tokenised cache. Samples are tokenised in blocks of neighbours, in one
 * pass for each size, since a pass over one picture costs several times its share; pictures that are tokens already stay.
 */
final class TokenisingSource implements SampleSource {
    private static final int BLOCK = 32;
    private static final int BLOCKS_AHEAD = 16;
    private static final int BLOCKS_KEPT = 3 * BLOCKS_AHEAD;

    private final SampleSource source;
    private final ImageTokenizer tokenizer;
    private final Map<Long, FutureTask<List<Made>>> blocks = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, FutureTask<List<Made>>> eldest) {
            return size() > BLOCKS_KEPT;
        }
    };

    /** What became of one sample of a block. */
    private sealed interface Made {
        record Whole(Sample sample) implements Made {}

        record Broken(String why) implements Made {}
    }

    /**
     * @param source closed with this one
     * @param tokenizer frozen; closed with this source
     */
    TokenisingSource(SampleSource source, ImageTokenizer tokenizer) {
        this.source = source;
        this.tokenizer = tokenizer;
    }

    @Override
    public Sample sample(long index) throws BrokenSample {
        return switch (block(index / BLOCK).get((int) (index % BLOCK))) {
            case Made.Whole(Sample sample) -> sample;
            case Made.Broken(String why) -> throw new BrokenSample(why);
        };
    }

    /** Makes a block or, while another thread is at it, the next ones: threads ask for neighbours, which are of one block. */
    private List<Made> block(long block) {
        FutureTask<List<Made>> wanted = task(block);
        for (long ahead = block; ahead < block + BLOCKS_AHEAD && !wanted.isDone(); ahead++) {
            task(ahead).run();
        }
        try {
            return wanted.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new XOmniException("samples cannot be made: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new XOmniException("interrupted while samples were made", e);
        }
    }

    private FutureTask<List<Made>> task(long block) {
        synchronized (blocks) {
            return blocks.computeIfAbsent(block, b -> new FutureTask<>(() -> make(b)));
        }
    }

    private List<Made> make(long block) {
        List<Made> made = new ArrayList<>();
        Map<BucketBatcher.Size, List<Pixels>> bySize = new LinkedHashMap<>();
        for (int i = 0; i < BLOCK; i++) {
            try {
                Sample sample = source.sample(block * BLOCK + i);
                made.add(new Made.Whole(sample));
                for (Picture picture : sample.pictures()) {
                    if (picture instanceof Picture.Raw(Pixels pixels)) {
                        bySize.computeIfAbsent(new BucketBatcher.Size(pixels.height(), pixels.width()), s -> new ArrayList<>()).add(pixels);
                    }
                }
            } catch (BrokenSample e) {
                made.add(new Made.Broken(Objects.requireNonNullElse(e.getMessage(), "broken")));
            }
        }
        Map<Pixels, ImageTokens> tokens = new IdentityHashMap<>();
        for (List<Pixels> pictures : bySize.values()) {
            List<ImageTokens> encoded = encode(pictures);
            for (int i = 0; i < pictures.size(); i++) {
                tokens.put(pictures.get(i), encoded.get(i));
            }
        }
        made.replaceAll(m -> m instanceof Made.Whole(Sample sample) ? new Made.Whole(sample.withPictures(tokenised(sample, tokens))) : m);
        return made;
    }

    private List<ImageTokens> encode(List<Pixels> pictures) {
        // One thread at a time may use the tokenizer.
        synchronized (tokenizer) {
            return tokenizer.encode(pictures);
        }
    }

    private static List<Picture> tokenised(Sample sample, Map<Pixels, ImageTokens> tokens) {
        return sample.pictures().stream()
                .map(p -> p instanceof Picture.Raw(Pixels pixels)
                        ? new Picture.Tokenised(Objects.requireNonNull(tokens.get(pixels)))
                        : p)
                .toList();
    }

    @Override
    public void close() {
        source.close();
        tokenizer.close();
    }
}
