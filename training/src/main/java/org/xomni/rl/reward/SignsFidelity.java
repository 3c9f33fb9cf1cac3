package org.xomni.rl.reward;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.xomni.data.signs.Scene;
import org.xomni.eval.SeenSign;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.InputException;

/**
 * Whether a sign looks as it was asked for, its text aside: background, border, colour (and, if asked for, height) of the text, kind, colour, place and count of
 * shapes ({@link SeenSign#looks}). It keeps optimisation for text from costing what text does not measure. Judges prompts of the signs world.
 *
 * <p>A picture scores {@code (1 - whole) * mean + whole * all}: the mean over these aspects, and whether all of them are right, which makes much of the last
 * thing that is wrong. 0..1.
 */
public final class SignsFidelity implements Reward {
    private final double whole;
    private final boolean textPlace;
    private final Threads threads;

    /**
     * @param whole share of the second part, 0..1
     * @param textPlace whether the height of text is one of the aspects ({@link SeenSign#textPlace}): a policy that is paid for legible text alone moves it
     *     to where it is easiest
     * @param threads pictures that are judged at once
     */
    public SignsFidelity(double whole, boolean textPlace, int threads) {
        check(whole);
        this.whole = whole;
        this.textPlace = textPlace;
        this.threads = new Threads("signs", threads);
    }

    static void check(double whole) {
        if (!(whole >= 0 && whole <= 1)) {
            throw new InputException("whole " + whole + " must be a share from 0 to 1");
        }
    }

    @Override
    public boolean judges(Prompt prompt) {
        return prompt.scene().isPresent();
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        return threads.score(drawn, this::score);
    }

    private double score(Drawn drawn) {
        Scene asked = drawn.prompt().scene().orElseThrow();
        SeenSign seen = new SeenSign(drawn.picture(), asked);
        List<Double> scores = new ArrayList<>(seen.looks().values());
        if (textPlace && asked.text().isPresent()) {
            scores.add(seen.textPlace());
        }
        double[] aspects = scores.stream().mapToDouble(Double::doubleValue).toArray();
        double mean = Arrays.stream(aspects).average().orElseThrow();
        double all = Arrays.stream(aspects).allMatch(a -> a == 1) ? 1 : 0;
        return (1 - whole) * mean + whole * all;
    }
}
