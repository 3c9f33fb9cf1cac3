package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.SampleStream;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTokenizer;

/** Samples are tokenised in blocks; how many threads ask for them decides nothing but who makes what. */
class TokenisingSourceTest {
    private static final int SAMPLES = 150;
    private static final int BROKEN = 41;

    @TempDir
    Path folder;

    private final Set<String> makers = ConcurrentHashMap.newKeySet();

    @Test
    void severalThreadsMakeBlocksAndTheSequenceIsThatOfOne() {
        List<String> one = read(1, 0);
        assertThat(makers).hasSize(1);
        makers.clear();
        List<String> four = read(4, 0);
        assertThat(four).isEqualTo(one).hasSize(SAMPLES).doesNotHaveDuplicates();
        assertThat(makers).hasSizeGreaterThan(1);
        assertThat(read(4, 100)).as("from the middle of a block").isEqualTo(one.subList(100 - 1, SAMPLES));
    }

    @Test
    void whatASourceThrowsComesOut() {
        try (TokenisingSource source = source(index -> {
            throw new InputException("no such sample as " + index);
        })) {
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> source.sample(7)).isInstanceOf(InputException.class).hasMessageContaining("no such sample");
            }
        }
    }

    private List<String> read(int threads, long position) {
        SampleSource signs = TinyCheckpoint.signs(Tasks.UNDERSTANDING, 1000);
        try (TokenisingSource source = source(index -> {
            makers.add(Thread.currentThread().getName());
            if (index == BROKEN) {
                throw new BrokenSample("this one");
            }
            return signs.sample(index);
        }); SampleStream<Sample> stream = new SampleStream<>(source::sample, position, threads, 64)) {
            List<String> read = new ArrayList<>();
            while (stream.position() <= SAMPLES) {
                SampleStream.Indexed<Sample> next = stream.next();
                read.add(next.index() + " " + next.value().pictures().stream()
                        .map(p -> Arrays.toString(((Picture.Tokenised) p).tokens().ids()))
                        .toList());
            }
            assertThat(stream.skipped().count()).isEqualTo(position > BROKEN ? 0 : 1);
            return read;
        }
    }

    private TokenisingSource source(SampleSource samples) {
        Path checkpoint = TinyCheckpoint.withFrozenParts(folder.resolve("checkpoint"));
        return new TokenisingSource(samples, ImageTokenizer.load(checkpoint.resolve("model"), TinyCheckpoint.FP32));
    }
}
