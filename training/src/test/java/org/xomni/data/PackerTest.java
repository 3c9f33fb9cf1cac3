package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.xomni.data.SequenceEncoder.PromptDropping;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.InputException;
import org.xomni.text.TextTokenizer;

class PackerTest {
    private static final int ROWS = 3;
    private static final int LENGTH = 48;
    private static TextTokenizer text;
    private static SequenceEncoder encoder;

    @BeforeAll
    static void load() {
        text = TextTokenizer.load(SequenceEncoderTest.MODEL);
        encoder = SequenceEncoderTest.encoder(text, new PromptDropping(0.2, 4));
    }

    @AfterAll
    static void close() {
        text.close();
    }

    /** Of very different lengths; each fifth broken, each eleventh too long for a row. */
    private static Sample sample(long index) throws BrokenSample {
        if (index % 5 == 0) {
            throw new BrokenSample("number " + index + " is damaged");
        }
        int words = index % 11 == 0 ? 200 : (int) Math.floorMod(Seeds.mix(index), 12L);
        return new Sample.Generation("" + index, "word ".repeat(words), new Picture.Tokenised(new ImageTokens(1, 2, new int[] {1, 2})));
    }

    /** A long prompt may be dropped, which makes the sample short. */
    private static boolean usable(long index) throws BrokenSample {
        return index % 5 != 0 && encoder.encode(sample(index), index).length() <= LENGTH;
    }

    @Test
    void rowsHoldWholeSequencesThatRestart() throws BrokenSample {
        Map<List<Integer>, Integer> packed = new HashMap<>();
        Map<List<Integer>, Integer> read = new HashMap<>();
        long tokens = 0;
        List<PackedBatch> batches = batches(Packer.State.START, 12);
        for (PackedBatch batch : batches) {
            assertThat(batch.ids()).hasSize(ROWS * LENGTH);
            List<TokenSequence> sequences = unpack(batch);
            assertThat(sequences).hasSize(batch.documents());
            assertThat(sequences.stream().mapToInt(TokenSequence::supervisedCount).sum()).isEqualTo((int) batch.targetCount());
            sequences.forEach(s -> packed.merge(boxed(s.ids()), 1, Integer::sum));
            tokens += batch.tokenCount();
        }
        Packer.State after = batches.getLast().after();
        for (long i = 0; i < after.position(); i++) {
            if (usable(i) && !after.pending().contains(i)) {
                read.merge(boxed(encoder.encode(sample(i), i).ids()), 1, Integer::sum);
            }
        }
        assertThat(packed).isEqualTo(read);
        assertThat(tokens).as("little padding").isGreaterThan(12L * ROWS * LENGTH * 95 / 100);
    }

    @Test
    void resumedBatchesEqualUninterruptedOnes() {
        List<PackedBatch> whole = batches(Packer.State.START, 8);
        for (int cut = 1; cut < 8; cut++) {
            List<PackedBatch> rest = batches(whole.get(cut - 1).after(), 8 - cut);
            for (int i = 0; i < rest.size(); i++) {
                assertThat(rest.get(i)).usingRecursiveComparison().isEqualTo(whole.get(cut + i));
            }
        }
    }

    @Test
    void tooLongAndBrokenSamplesAreCounted() throws BrokenSample {
        try (Packer packer = new Packer(PackerTest::sample, encoder, Packer.State.START, ROWS, LENGTH, 2)) {
            long position = packer.next().after().position();
            long expected = 0;
            for (long i = 0; i < position; i++) {
                expected += usable(i) ? 0 : 1;
            }
            assertThat(packer.skipped().count()).isEqualTo(expected);
        }
    }

    @Test
    void aLengthThatSuitsNoSampleIsAnError() {
        try (Packer packer = new Packer(PackerTest::sample, encoder, Packer.State.START, 1, 3, 1)) {
            assertThatThrownBy(packer::next).isInstanceOf(InputException.class).hasMessageContaining("more than a row of 3");
        }
    }

    private static List<PackedBatch> batches(Packer.State from, int count) {
        List<PackedBatch> batches = new ArrayList<>();
        try (Packer packer = new Packer(PackerTest::sample, encoder, from, ROWS, LENGTH, 2)) {
            for (int i = 0; i < count; i++) {
                batches.add(packer.next());
            }
        }
        return batches;
    }

    /** Reads a batch by its arrays' meaning alone. */
    private static List<TokenSequence> unpack(PackedBatch batch) {
        List<TokenSequence> sequences = new ArrayList<>();
        for (int from = 0; from < batch.ids().length; ) {
            int document = batch.document()[from];
            int end = from + 1;
            while (end % LENGTH != 0 && batch.document()[end] == document) {
                end++;
            }
            if (document == PackedBatch.NONE) {
                assertThat(end % LENGTH).as("padding stands at the end").isZero();
            } else {
                assertThat(document).isEqualTo(sequences.size());
                int[] ids = new int[end - from];
                boolean[] supervised = new boolean[end - from];
                for (int i = from; i < end; i++) {
                    ids[i - from] = batch.ids()[i];
                    assertThat(batch.positions()[i]).isEqualTo(i - from);
                    if (batch.targets()[i] != PackedBatch.NONE) {
                        assertThat(i + 1).as("a target within the document").isLessThan(end);
                        assertThat(batch.targets()[i]).isEqualTo(batch.ids()[i + 1]);
                        supervised[i + 1 - from] = true;
                    }
                }
                sequences.add(new TokenSequence(ids, supervised));
            }
            from = end;
        }
        return sequences;
    }

    private static List<Integer> boxed(int[] ids) {
        return Arrays.stream(ids).boxed().toList();
    }
}
