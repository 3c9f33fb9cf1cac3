package org.xomni.autoregressive;

import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Draws the next token of one row from its own stream of random numbers, in the reference's order: guidance, suppression, temperature, top-k,
 * top-p, min-p, softmax, one draw.
 *
 * <p>The draw is libtorch's {@code multinomial(p, 1)}: {@code argmax(p / q)} with q exponential. The reference draws over all
 * {@code vocabSize + mmVocabSize} entries, those of the other head included, whose probability is 0; so q is drawn for all of them here too, and
 * the same seed gives the same tokens.
 */
final class Sampler {
    /** Slightly less than 1: room for the rounding of q and of {@code p / q}. */
    private static final double ROUNDED_DOWN = 1 - 1e-6;

    /** Below it scores would leave the range of floats, and nothing but the best one has a chance anyway. */
    private static final double LEAST_TEMPERATURE = 1e-6;

    private final Sampling sampling;
    private final UnifiedConfig config;
    private final Set<Integer> suppressed;
    private final MersenneTwister random;

    /**
     * @param suppressed ids never drawn
     */
    Sampler(Sampling sampling, UnifiedConfig config, Set<Integer> suppressed, long seed) {
        this.sampling = sampling;
        this.config = config;
        this.suppressed = Set.copyOf(suppressed);
        this.random = new MersenneTwister(seed);
    }

    Sampling sampling() {
        return sampling;
    }

    /**
     * @param conditional scores of a head; overwritten
     * @param unconditional scores of the same head without the prompt, or null without guidance; overwritten
     * @return an id of the vocabulary
     */
    int draw(Head head, float[] conditional, float @Nullable [] unconditional) {
        int first = head.firstId(config);
        float[] scores = conditional;
        if (unconditional != null) {
            guide(scores, unconditional, (float) sampling.guidance());
        }
        for (int id : suppressed) {
            if (id >= first && id < first + scores.length) {
                scores[id - first] = Float.NEGATIVE_INFINITY;
            }
        }
        if (sampling.temperature() < LEAST_TEMPERATURE) {
            return first + best(scores);
        }
        if (sampling.temperature() != 1) {
            float t = (float) sampling.temperature();
            for (int i = 0; i < scores.length; i++) {
                scores[i] /= t;
            }
        }
        Candidates candidates = new Candidates(scores);
        candidates.keepTopK(sampling.topK());
        candidates.keepTopP(sampling.topP());
        candidates.keepMinP(sampling.minP());
        return first + candidates.index[drawFrom(candidates, first)];
    }

    /** {@code log p = log p_uncond + s (log p_cond - log p_uncond)}, into {@code cond}. */
    private static void guide(float[] cond, float[] uncond, float s) {
        logSoftmax(cond);
        logSoftmax(uncond);
        for (int i = 0; i < cond.length; i++) {
            cond[i] = s * (cond[i] - uncond[i]) + uncond[i];
        }
    }

    /** The entries of a head that can still be drawn, in its order; those of a filtered draw are few. */
    private static final class Candidates {
        private final float[] scores;
        private final int[] index;
        private int count;

        /** All but those whose score is -infinity. */
        Candidates(float[] scores) {
            this.scores = scores;
            this.index = new int[scores.length];
            for (int i = 0; i < scores.length; i++) {
                index[i] = i;
            }
            count = scores.length;
            keepFrom(scores, -Float.MAX_VALUE);
            if (count == 0) {
                throw new IllegalArgumentException("nothing can be drawn: all ids are suppressed");
            }
        }

        /** Keeps those whose value is not less than {@code least}; values may be the scores themselves, which are read before they are overwritten. */
        private void keepFrom(float[] values, float least) {
            int kept = 0;
            for (int i = 0; i < count; i++) {
                if (!(values[i] < least)) {
                    scores[kept] = scores[i];
                    index[kept++] = index[i];
                }
            }
            count = kept;
        }

        /** Removes what is below the k-th best; equals of the k-th stay. */
        void keepTopK(int k) {
            if (k == 0 || k >= count) {
                return;
            }
            float[] best = Arrays.copyOf(scores, k);
            Arrays.sort(best);
            for (int i = k; i < count; i++) {
                if (scores[i] > best[0]) {
                    int at = Arrays.binarySearch(best, scores[i]);
                    int below = (at >= 0 ? at : -at - 1) - 1;
                    System.arraycopy(best, 1, best, 0, below);
                    best[below] = scores[i];
                }
            }
            keepFrom(scores, best[0]);
        }

        /** Removes the least likely ones that together have at most 1 - p; the best stays. */
        void keepTopP(double p) {
            if (p >= 1) {
                return;
            }
            float[] probabilities = probabilities();
            int[] ascending = sortedIndices(probabilities);
            float sum = 0;
            for (int rank = 0; rank < ascending.length - 1; rank++) {
                sum += probabilities[ascending[rank]];
                if (sum > (float) (1 - p)) {
                    break;
                }
                probabilities[ascending[rank]] = -1;
            }
            keepFrom(probabilities, 0);
        }

        /** Removes what has less than {@code fraction} of the best one's probability. */
        void keepMinP(double fraction) {
            if (fraction == 0) {
                return;
            }
            float[] probabilities = probabilities();
            keepFrom(probabilities, (float) fraction * probabilities[best(probabilities)]);
        }

        float[] probabilities() {
            float[] x = Arrays.copyOf(scores, count);
            softmax(x);
            return x;
        }
    }

    /**
     * {@code argmax(p / q)}, the first one of equals: {@code q = -log(1 - u)} is exponential, u uniform for every entry of both vocabularies, in order.
     * Most logarithms are spared: q is never below u, so an entry whose {@code p / u} is less than the best {@code p / q} so far cannot win.
     *
     * @return which candidate
     */
    private int drawFrom(Candidates candidates, int first) {
        float[] probabilities = candidates.probabilities();
        int[] index = candidates.index;
        random.next(config.vocabSize() + config.mmVocabSize(), first, first + index.length);
        int winner = best(probabilities);
        float most = ratio(probabilities[winner], random.uniform(index[winner]));
        double bound = ROUNDED_DOWN * most;
        for (int i = 0; i < probabilities.length; i++) {
            if (probabilities[i] == 0) {
                continue;
            }
            double u = random.uniform(index[i]);
            if (probabilities[i] < bound * u) {
                continue;
            }
            float ratio = ratio(probabilities[i], u);
            if (ratio > most || ratio == most && i < winner) {
                winner = i;
                most = ratio;
                bound = ROUNDED_DOWN * most;
            }
        }
        return winner;
    }

    /** {@code p / q} as libtorch rounds it. */
    private static float ratio(float probability, double u) {
        return probability / (float) -Math.log1p(-u);
    }

    /** The index of the largest value; the first one of equals. */
    static int best(float[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }

    private static void softmax(float[] x) {
        float max = x[best(x)];
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) Math.exp(x[i] - max);
            sum += x[i];
        }
        for (int i = 0; i < x.length; i++) {
            x[i] /= (float) sum;
        }
    }

    private static void logSoftmax(float[] x) {
        float max = x[best(x)];
        double sum = 0;
        for (float v : x) {
            sum += Math.exp(v - max);
        }
        float log = (float) Math.log(sum);
        for (int i = 0; i < x.length; i++) {
            x[i] = x[i] - max - log;
        }
    }

    private static int[] sortedIndices(float[] values) {
        // Non-negative floats sort like their bits; value in the high half, index in the low half.
        long[] keys = new long[values.length];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = (long) Float.floatToRawIntBits(values[i]) << 32 | i;
        }
        Arrays.sort(keys);
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }
}
