package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.xomni.data.BucketBatcher.Batch;
import org.xomni.data.BucketBatcher.State;

class BucketBatcherTest {
    /** Three sizes in a wild order, each eighth broken. */
    private static final Numbered SOURCE = new Numbered(i -> 4 + 4 * Math.floorMod(Seeds.mix(i), 3), 8);

    @Test
    void batchesHaveOneSizeAndLoseNothing() {
        List<Long> seen = new ArrayList<>();
        State after = State.START;
        try (BucketBatcher batcher = new BucketBatcher(SOURCE, State.START, 4, 2)) {
            for (int i = 0; i < 20; i++) {
                Batch batch = batcher.next();
                assertThat(batch.samples()).hasSize(4);
                assertThat(batch.pictures().stream().map(BucketBatcher.Size::of).distinct()).hasSize(1);
                batch.samples().forEach(s -> seen.add(Long.valueOf(s.key())));
                after = batch.after();
            }
            assertThat(batcher.skipped().count()).isEqualTo((after.position() + 7) / 8);
        }
        seen.addAll(after.pending());
        List<Long> expected = new ArrayList<>();
        for (long i = 0; i < after.position(); i++) {
            if (i % 8 != 0) {
                expected.add(i);
            }
        }
        assertThat(seen.stream().sorted()).isEqualTo(expected);
    }

    @Test
    void resumedBatchesEqualUninterruptedOnes() {
        List<Batch> whole = batches(SOURCE, State.START, 12);
        for (int cut = 1; cut < 12; cut++) {
            State state = whole.get(cut - 1).after();
            assertThat(batches(SOURCE, state, 12 - cut)).isEqualTo(whole.subList(cut, 12));
        }
    }

    @Test
    void rareSizesDoNotPileUp() {
        // No two pictures have the same size.
        Numbered source = new Numbered(i -> i + 1, 0);
        List<Batch> whole = batches(source, State.START, 6);
        assertThat(whole.getFirst().after().pending()).hasSize(32);
        assertThat(whole.stream().map(b -> b.samples().getFirst().key())).containsExactly("0", "1", "2", "3", "4", "5");
        assertThat(batches(source, whole.get(2).after(), 3)).isEqualTo(whole.subList(3, 6));
    }

    private static List<Batch> batches(SampleSource source, State from, int count) {
        List<Batch> batches = new ArrayList<>();
        try (BucketBatcher batcher = new BucketBatcher(source, from, source == SOURCE ? 4 : 2, 2)) {
            for (int i = 0; i < count; i++) {
                batches.add(batcher.next());
            }
        }
        return batches;
    }
}
