package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.Fixtures;
import org.xomni.tensor.ConfigFile;

/** Draws are those of the formulas, written down plainly over whole arrays. */
class SamplerTest {
    private static final UnifiedConfig CONFIG = UnifiedConfig.of(ConfigFile.read(Fixtures.model("tiny-en").resolve("config.json")));

    /** Scores in quarters, so that many are equal: at the k-th best, and at the edge of top-p. */
    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "0.7, 5, 1, 0", "1.3, 50, 1, .03", "1, 0, .8, 0", "1, 20, .6, .05", "2, 1, 1, 0", "1, 0, .01, .2", "1, 100000, 1, .9"})
    void drawsAsTheFormulasSay(double temperature, int topK, double topP, double minP) {
        Sampling sampling = new Sampling(1, temperature, topK, topP, minP);
        Random random = new Random(3);
        for (Head head : Head.values()) {
            int first = head.firstId(CONFIG);
            int size = head == Head.TEXT ? CONFIG.vocabSize() : CONFIG.imageVocabSize();
            for (int seed = 0; seed < 100; seed++) {
                Set<Integer> suppressed = random.ints(size / 8, first, first + size).boxed().collect(Collectors.toSet());
                float[] scores = new float[size];
                for (int i = 0; i < size; i++) {
                    scores[i] = Math.round(8 * random.nextGaussian()) / 4f;
                }
                int expected = first + plainly(scores.clone(), first, sampling, suppressed, seed);
                assertThat(new Sampler(sampling, CONFIG, suppressed, seed).draw(head, scores, null)).isEqualTo(expected);
            }
        }
    }

    private static int plainly(float[] scores, int first, Sampling sampling, Set<Integer> suppressed, long seed) {
        int size = scores.length;
        for (int i = 0; i < size; i++) {
            scores[i] = suppressed.contains(first + i) ? Float.NEGATIVE_INFINITY : scores[i] / (float) sampling.temperature();
        }
        if (sampling.topK() > 0 && sampling.topK() < size) {
            float[] sorted = scores.clone();
            Arrays.sort(sorted);
            removeWhere(scores, i -> scores[i] < sorted[size - sampling.topK()]);
        }
        if (sampling.topP() < 1) {
            float[] p = softmax(scores);
            int[] ascending = IntStream.range(0, size).boxed().sorted(Comparator.comparingDouble(i -> p[i])).mapToInt(i -> i).toArray();
            float sum = 0;
            for (int rank = 0; rank < size - 1; rank++) {
                sum += p[ascending[rank]];
                if (sum <= (float) (1 - sampling.topP())) {
                    scores[ascending[rank]] = Float.NEGATIVE_INFINITY;
                }
            }
        }
        if (sampling.minP() > 0) {
            float[] p = softmax(scores);
            float least = (float) sampling.minP() * p[IntStream.range(0, size).boxed().max(Comparator.comparingDouble(i -> p[i])).orElseThrow()];
            removeWhere(scores, i -> p[i] < least);
        }
        float[] p = softmax(scores);
        MersenneTwister random = new MersenneTwister(seed);
        random.next(CONFIG.vocabSize() + CONFIG.mmVocabSize(), first, first + size);
        int winner = 0;
        float most = -1;
        for (int i = 0; i < size; i++) {
            float ratio = p[i] / (float) -Math.log1p(-random.uniform(i));
            if (ratio > most) {
                winner = i;
                most = ratio;
            }
        }
        return winner;
    }

    private static void removeWhere(float[] scores, IntPredicate removed) {
        int[] gone = IntStream.range(0, scores.length).filter(removed).toArray();
        for (int i : gone) {
            scores[i] = Float.NEGATIVE_INFINITY;
        }
    }

    private static float[] softmax(float[] scores) {
        float max = Float.NEGATIVE_INFINITY;
        for (float score : scores) {
            max = Math.max(max, score);
        }
        double sum = 0;
        float[] p = new float[scores.length];
        for (int i = 0; i < p.length; i++) {
            p[i] = (float) Math.exp(scores[i] - max);
            sum += p[i];
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= (float) sum;
        }
        return p;
    }

    @Test
    void takesTheBestAtTemperatureZero() {
        float[] scores = new float[CONFIG.imageVocabSize()];
        scores[3] = 2;
        scores[5] = 2;
        scores[7] = 9;
        int first = Head.IMAGE.firstId(CONFIG);
        assertThat(new Sampler(new Sampling(1, 0, 50, 1, 0), CONFIG, Set.of(first + 7), 1).draw(Head.IMAGE, scores, null)).isEqualTo(first + 3);
    }

    @Test
    void saysWhenNothingIsLeft() {
        float[] scores = new float[CONFIG.imageVocabSize()];
        Arrays.fill(scores, Float.NEGATIVE_INFINITY);
        Sampler sampler = new Sampler(new Sampling(1, 1, 0, 1, 0), CONFIG, Set.of(), 1);
        assertThatThrownBy(() -> sampler.draw(Head.IMAGE, scores, null)).hasMessageContaining("suppressed");
    }
}
