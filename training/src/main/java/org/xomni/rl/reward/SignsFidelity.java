package org.xomni.rl.reward;

import java.util.List;
import org.xomni.eval.SignsScorer;
import org.xomni.rl.prompt.Prompt;

/**
 * Whether a sign looks as it was asked for, its text aside: background, border, colour of the text, kind, colour, place and count of shapes, each in the
 * same part ({@link SignsScorer#looks}). It keeps optimisation for text from costing what text does not measure. Judges prompts of the signs world. 0..1.
 */
public final class SignsFidelity implements Reward {

    @Override
    public boolean judges(Prompt prompt) {
        return prompt.scene().isPresent();
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        return drawn.stream()
                .mapToDouble(d -> SignsScorer.looks(d.picture(), d.prompt().scene().orElseThrow()).values().stream()
                        .mapToDouble(Double::doubleValue)
                        .average()
                        .orElseThrow())
                .toArray();
    }
}
