package org.xomni.ocr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class CtcTest {
    private static final int STEPS = 5;
    private static final int CLASSES = 4;
    private static final int OFFSET = 7;

    /** A random distribution for each step, after {@link #OFFSET} values that must not be read. */
    private static FloatBuffer probabilities() {
        var random = new SplittableRandom(3);
        float[] values = new float[OFFSET + STEPS * CLASSES];
        Arrays.fill(values, 0, OFFSET, 100);
        for (int t = 0; t < STEPS; t++) {
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) {
                values[OFFSET + t * CLASSES + c] = (float) random.nextDouble(.05, 1);
                sum += values[OFFSET + t * CLASSES + c];
            }
            for (int c = 0; c < CLASSES; c++) {
                values[OFFSET + t * CLASSES + c] /= (float) sum;
            }
        }
        return FloatBuffer.wrap(values);
    }

    /** Adds up all paths that collapse to a text. */
    private static double byEnumeration(FloatBuffer probabilities, List<Integer> text) {
        double sum = 0;
        for (int path = 0; path < Math.pow(CLASSES, STEPS); path++) {
            double p = 1;
            int rest = path;
            int previous = 0;
            List<Integer> collapsed = new ArrayList<>();
            for (int t = 0; t < STEPS; t++) {
                int c = rest % CLASSES;
                rest /= CLASSES;
                p *= probabilities.get(OFFSET + t * CLASSES + c);
                if (c != 0 && c != previous) {
                    collapsed.add(c);
                }
                previous = c;
            }
            sum += collapsed.equals(text) ? p : 0;
        }
        return sum;
    }

    @Test
    void likelihoodIsTheSumOverAllAlignments() {
        FloatBuffer p = probabilities();
        List<List<Integer>> texts =
                List.of(List.of(), List.of(2), List.of(1, 1), List.of(3, 1, 2), List.of(2, 2, 2), List.of(1, 2, 3, 1, 2));
        for (List<Integer> text : texts) {
            int[][] classes = text.stream().map(c -> new int[] {c}).toArray(int[][]::new);
            double expected = byEnumeration(p, text);
            assertThat(Math.exp(Ctc.logLikelihood(p, OFFSET, STEPS, CLASSES, classes))).as("%s", text).isCloseTo(expected, within(1e-6));
        }
    }

    @Test
    void eitherOfTwoClassesCountsAsTheCharacter() {
        FloatBuffer p = probabilities();
        // One character, class 1 or 2 at each step: the paths of class 3 alone are what is left beside blanks.
        double either = Math.exp(Ctc.logLikelihood(p, OFFSET, STEPS, CLASSES, new int[][] {{1, 2}}));
        double one = byEnumeration(p, List.of(1)) + byEnumeration(p, List.of(2));
        assertThat(either).isGreaterThan(one).isLessThan(1);
    }

    @Test
    void textLongerThanTheLineIsImpossible() {
        int[][] six = {{1}, {2}, {1}, {2}, {1}, {2}};
        assertThat(Ctc.logLikelihood(probabilities(), OFFSET, STEPS, CLASSES, six)).isEqualTo(Double.NEGATIVE_INFINITY);
        // Equal neighbours need a blank between them.
        int[][] fourAlike = {{1}, {1}, {1}, {1}};
        assertThat(Ctc.logLikelihood(probabilities(), OFFSET, STEPS, CLASSES, fourAlike)).isEqualTo(Double.NEGATIVE_INFINITY);
    }

    @Test
    void unknownCharacterIsImpossible() {
        int[][] unknown = {{1}, {}};
        assertThat(Ctc.logLikelihood(probabilities(), OFFSET, STEPS, CLASSES, unknown)).isEqualTo(Double.NEGATIVE_INFINITY);
    }

    @Test
    void bestPathDropsBlanksAndRepeats() {
        float[] steps = {.1f, .9f, 0, .2f, .8f, 0, .6f, .4f, 0, 0, 1, 0, .3f, 0, .7f};
        Ctc.Path path = Ctc.best(FloatBuffer.wrap(steps), 0, 5, 3);
        assertThat(path.classes()).containsExactly(1, 1, 2);
        assertThat(path.confidence()).isCloseTo((.9 + 1 + .7) / 3, within(1e-6));
    }
}
