package org.xomni.rl.reward;

// Shapes: B pictures, L ids, N = B*L.

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.BrokenSample;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SequenceEncoder;
import org.xomni.data.TokenSequence;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.tensor.XOmniException;

/**
 * The model judges itself: it is shown the image tokens that were drawn, asked what they show, and the score is how probable the prompt is to it as the
 * answer, per token and in the geometric mean. No pixels and no other model are needed. 0..1.
 *
 * <p>Given the policy itself it can be talked into anything; given the frozen reference it stays what it was.
 */
public final class SelfReward implements Reward {
    private final UnifiedModel model;
    private final SequenceEncoder encoder;
    private final String question;
    private final int rows;

    /**
     * @param model stays the caller's
     * @param question about the picture
     * @param rows pictures that are scored together
     */
    public SelfReward(UnifiedModel model, SequenceEncoder encoder, String question, int rows) {
        this.model = model;
        this.encoder = encoder;
        this.question = question;
        this.rows = rows;
    }

    @Override
    public double[] score(List<Drawn> drawn) {
        double[] scores = new double[drawn.size()];
        for (int from = 0; from < scores.length; from += rows) {
            if (Thread.currentThread().isInterrupted()) {
                throw new XOmniException("judging was interrupted; go on with --resume");
            }
            List<Drawn> some = drawn.subList(from, Math.min(scores.length, from + rows));
            double[] part = together(some);
            System.arraycopy(part, 0, scores, from, part.length);
        }
        return scores;
    }

    private double[] together(List<Drawn> drawn) {
        List<TokenSequence> sequences = drawn.stream().map(this::sequence).toList();
        int b = sequences.size();
        int l = sequences.stream().mapToInt(s -> s.ids().length).max().orElse(1) - 1;
        long[] ids = new long[b * l];
        List<Long> positions = new ArrayList<>();
        List<Long> targets = new ArrayList<>();
        int[] counts = new int[b];
        for (int i = 0; i < b; i++) {
            int[] sequence = sequences.get(i).ids();
            for (int j = 0; j < sequence.length - 1; j++) {
                ids[i * l + j] = sequence[j];
                if (sequences.get(i).supervised()[j + 1]) {
                    positions.add((long) i * l + j);
                    targets.add((long) sequence[j + 1]);
                    counts[i]++;
                }
            }
        }
        try (Scope scope = Scope.inference()) {
            Tensor hidden_ND = model.forward(model.numerics().place(Tensors.of(ids, b, l))).flatten(0, 1).index_select(0, column(positions));
            Tensor all = model.logits(hidden_ND, Head.TEXT).to(ScalarType.Float).log_softmax(1);
            float[] chosen = Tensors.floats(all.gather(1, column(targets).unsqueeze(1)));
            double[] scores = new double[b];
            int at = 0;
            for (int i = 0; i < b; i++) {
                double sum = 0;
                for (int j = 0; j < counts[i]; j++) {
                    sum += chosen[at++];
                }
                scores[i] = Math.exp(sum / counts[i]);
            }
            return scores;
        }
    }

    private Tensor column(List<Long> values) {
        return model.numerics().place(Tensors.of(values.stream().mapToLong(Long::longValue).toArray(), values.size()));
    }

    private TokenSequence sequence(Drawn drawn) {
        Sample.Turn asked = new Sample.Turn(Sample.Role.USER, List.of(
                new Sample.Part.Shown(new Picture.Tokenised(drawn.tokens())), new Sample.Part.Said(question)));
        Sample.Turn answered = Sample.Turn.of(Sample.Role.ASSISTANT, drawn.prompt().text());
        try {
            return encoder.encode(new Sample.Dialogue("self-reward", List.of(asked, answered)), 0);
        } catch (BrokenSample e) {
            throw new InputException("the prompt '" + drawn.prompt().text() + "' cannot be an answer (" + e.getMessage()
                    + "); leave it out or use no self-reward", e);
        }
    }
}
