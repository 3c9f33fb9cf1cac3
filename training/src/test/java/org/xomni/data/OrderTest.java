package org.xomni.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.InputException;

/** The order in which samples come: shuffled and mixed. */
class OrderTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 16, 17, 1000, 4096})
    void aPermutationHasEachNumberOnce(long size) {
        for (long key = 0; key < 5; key++) {
            Permutation permutation = new Permutation(size, key);
            assertThat(LongStream.range(0, size).map(permutation::at).sorted().toArray()).isEqualTo(LongStream.range(0, size).toArray());
        }
    }

    @Test
    void aPermutationDependsOnItsKeyAndScatters() {
        Permutation one = new Permutation(1000, 1);
        Permutation two = new Permutation(1000, 2);
        assertThat(LongStream.range(0, 1000).filter(i -> one.at(i) == two.at(i)).count()).isLessThan(10);
        assertThat(LongStream.range(0, 1000).filter(i -> one.at(i) == i).count()).isLessThan(10);
        double displacement = LongStream.range(0, 1000).mapToDouble(i -> Math.abs(one.at(i) - i)).average().orElseThrow();
        assertThat(displacement).as("a third of the length for a random order").isBetween(280.0, 390.0);
        assertThat(new Permutation(1L << 50, 3).at(12345)).isBetween(0L, (1L << 50) - 1);
    }

    @Test
    void eachEpochHasEachRecordOnceInAnOrderOfItsOwn() throws BrokenSample {
        Shuffled shuffled = new Shuffled(records(30), 7);
        List<List<String>> epochs = new ArrayList<>();
        for (int epoch = 0; epoch < 3; epoch++) {
            epochs.add(keys(shuffled, epoch * 30, 30));
            assertThat(epochs.get(epoch)).doesNotHaveDuplicates();
        }
        assertThat(epochs).doesNotHaveDuplicates();
        assertThat(keys(new Shuffled(records(30), 7), 30, 30)).isEqualTo(epochs.get(1));
        assertThat(keys(new Shuffled(records(30), 8), 30, 30)).isNotEqualTo(epochs.get(1));
        assertThatThrownBy(() -> new Shuffled(records(0), 7)).isInstanceOf(InputException.class).hasMessageContaining("no records");
    }

    @Test
    void aMixtureTakesByWeightAndLosesNothing() {
        Shares mixture = new Shares(List.of(3.0, 1.0, 0.004), 5);
        int count = 3 * 4096;
        List<List<Long>> taken = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (long i = 0; i < count; i++) {
            Shares.Place place = mixture.place(i);
            taken.get(place.part()).add(place.index());
        }
        // Consecutive from 0, each once.
        taken.forEach(t -> assertThat(t.stream().sorted()).isEqualTo(LongStream.range(0, t.size()).boxed().toList()));
        assertThat(taken.get(0)).hasSize(3 * 3069);
        assertThat(taken.get(1)).hasSize(3 * 1023);
        assertThat(taken.get(2)).hasSize(3 * 4);
        // Well mixed on the way, not only in the end.
        long ofFirst = LongStream.range(0, 400).filter(i -> mixture.place(i).part() == 0).count();
        assertThat(ofFirst).isBetween(265L, 335L);
    }

    @Test
    void weightsMustBePositiveAndCount() {
        SampleSource any = new Numbered(i -> 4, 0);
        for (double weight : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> new Mixture.Part(any, weight)).isInstanceOf(InputException.class).hasMessageContaining("" + weight);
        }
        assertThatThrownBy(() -> new Mixture(List.of(new Mixture.Part(any, 1), new Mixture.Part(any, 1e-6)), 0))
                .isInstanceOf(InputException.class).hasMessageContaining("1/4096");
        assertThatThrownBy(() -> new Mixture(List.of(), 0)).isInstanceOf(InputException.class);
    }

    private static List<String> keys(SampleSource source, int from, int count) throws BrokenSample {
        List<String> keys = new ArrayList<>();
        for (int i = from; i < from + count; i++) {
            keys.add(source.sample(i).key());
        }
        return keys;
    }

    private static Records records(int size) {
        Picture picture = new Picture.Tokenised(new ImageTokens(1, 1, new int[] {0}));
        return new Records() {
            @Override
            public long size() {
                return size;
            }

            @Override
            public Sample record(long number) {
                return new Sample.Generation("record " + number, "", picture);
            }
        };
    }
}
