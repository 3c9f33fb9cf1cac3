package org.xomni.data;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.data.Sample.Part;
import org.xomni.data.Sample.Role;
import org.xomni.data.Sample.Turn;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.text.ChatTemplate;
import org.xomni.text.Message;
import org.xomni.text.Span;
import org.xomni.text.TextTokenizer;

/**
 * Writes samples as the sequences that the unified model meets when it is used (paper, section 3.2), and marks what is supervised:
 * <ul>
 *   <li>a {@link Sample.Generation} is the raw prompt, then {@code <SOM>h w<IMAGE>}, h*w image tokens, {@code <EOM>}; the image tokens are
 *       supervised. {@code <EOM>} is not: image mode scores image tokens only, and drawing ends by count.
 *   <li>a {@link Sample.Dialogue} goes through the checkpoint's chat template; supervised are the assistant's text with the
 *       {@code <|im_end|>} after it, and the image tokens that it draws. Pictures are written as in
 *       {@code org.xomni.Conversation}: a newline separates them from what a user says next.
 * </ul>
 * Text of samples is only text: control tokens in it are ordinary characters. Thread-safe.
 */
public final class SequenceEncoder {
    /** Chance of its own for dropping prompts. */
    private static final long DROPPING = 0x64726F70;

    private final UnifiedConfig config;
    private final TextTokenizer text;
    private final Vocabulary vocabulary;
    private final ChatTemplate template;
    private final PromptDropping dropping;

    /**
     * Prompts left out at random, so that the model also learns the unconditional branch of guidance: the bare {@code <SOM>h w<IMAGE>}.
     *
     * @param probability 0..1
     */
    public record PromptDropping(double probability, long seed) {
        /** Every prompt stays. */
        public static final PromptDropping NONE = new PromptDropping(0, 0);

        public PromptDropping {
            if (!(probability >= 0 && probability <= 1)) {
                throw new InputException("prompts cannot be dropped with probability " + probability + "; use 0 to 1");
            }
        }

        boolean drops(long index) {
            return Seeds.unit(DROPPING, seed, index) < probability;
        }
    }

    /** @throws CheckpointException if the tokenizer lacks one of the control tokens */
    public SequenceEncoder(UnifiedConfig config, TextTokenizer text, ChatTemplate template, PromptDropping dropping) {
        this.config = config;
        this.text = text;
        this.vocabulary = new Vocabulary(config, text);
        this.template = template;
        this.dropping = dropping;
    }

    /**
     * The sequence of the sample at {@code index} of its source.
     *
     * @throws BrokenSample if nothing of it is supervised, or the chat template refuses it
     * @throws InputException if a picture is not tokenised, or its tokens are not this checkpoint's
     */
    public TokenSequence encode(Sample sample, long index) throws BrokenSample {
        TokenSequence sequence = switch (sample) {
            case Sample.Generation(_, String prompt, Picture picture) -> generation(sample, dropping.drops(index) ? "" : prompt, picture);
            case Sample.Dialogue(_, List<Turn> turns) -> dialogue(sample, turns);
        };
        if (sequence.supervisedCount() == 0) {
            throw nothing(sample);
        }
        return sequence;
    }

    private static BrokenSample nothing(Sample sample) {
        return new BrokenSample(sample.key() + " has nothing to learn: the assistant neither says nor draws anything");
    }

    private TokenSequence generation(Sample sample, String prompt, Picture picture) {
        Growing out = new Growing();
        out.add(text.encode(prompt), false);
        addImage(out, tokens(sample, picture));
        return out.sequence();
    }

    /**
     * What the assistant says enters the template as one negative id for each turn: so its place is known afterwards, and the line before
     * it is encoded alone, as it is when the model is asked to go on from there.
     */
    private TokenSequence dialogue(Sample sample, List<Turn> turns) throws BrokenSample {
        long answers = turns.stream().filter(t -> t.role() == Role.ASSISTANT).count();
        if (answers == 0) {
            throw nothing(sample);
        }
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < turns.size(); i++) {
            Turn turn = turns.get(i);
            messages.add(switch (turn.role()) {
                case SYSTEM -> new Message("system", heard(sample, turn));
                case USER -> new Message("user", heard(sample, turn));
                case ASSISTANT -> new Message("assistant", List.of(new Span.Ids(new int[] {-1 - i})));
            });
        }
        int[] rendered;
        try {
            rendered = template.encode(messages, false, text);
        } catch (InputException e) {
            throw new BrokenSample(sample.key() + ": " + e.getMessage(), e);
        }
        if (IntStream.of(rendered).filter(id -> id < 0).count() != answers) {
            throw new CheckpointException("the chat template does not repeat each of the assistant's " + answers
                    + " messages once, so they cannot be learnt; restore it from the original checkpoint");
        }
        Growing out = new Growing();
        boolean ends = false;
        for (int id : rendered) {
            if (id < 0) {
                ends = addAnswer(out, sample, turns.get(-1 - id));
            } else {
                // The turn's end is learnt where the model itself has to stop: after text.
                out.add(id, ends && id == vocabulary.endOfTurn());
                ends = false;
            }
        }
        return out.sequence();
    }

    private List<Span> heard(Sample sample, Turn turn) {
        List<Span> spans = new ArrayList<>();
        boolean afterPicture = false;
        for (Part part : turn.parts()) {
            switch (part) {
                case Part.Shown(Picture picture) -> {
                    spans.add(new Span.Ids(vocabulary.image(tokens(sample, picture))));
                    afterPicture = true;
                }
                case Part.Said(String said) -> {
                    if (afterPicture) {
                        spans.add(new Span.Trusted("\n"));
                    }
                    spans.add(new Span.Plain(said));
                    afterPicture = false;
                }
            }
        }
        return spans;
    }

    /** Returns whether the answer ends with text. */
    private boolean addAnswer(Growing out, Sample sample, Turn turn) {
        for (Part part : turn.parts()) {
            switch (part) {
                case Part.Said(String said) -> out.add(text.encode(said), true);
                case Part.Shown(Picture picture) -> addImage(out, tokens(sample, picture));
            }
        }
        return !turn.parts().isEmpty() && turn.parts().getLast() instanceof Part.Said;
    }

    /** A picture that is drawn: its tokens are supervised, what frames them is not. */
    private void addImage(Growing out, ImageTokens tokens) {
        int[] image = vocabulary.image(tokens);
        int codes = tokens.height() * tokens.width();
        int header = image.length - codes - 1;
        for (int i = 0; i < image.length; i++) {
            out.add(image[i], i >= header && i < header + codes);
        }
    }

    private ImageTokens tokens(Sample sample, Picture picture) {
        return switch (picture) {
            case Picture.Tokenised(ImageTokens tokens) -> tokens.requireCodebook(config.imageVocabSize());
            case Picture.Raw _ -> throw new InputException(
                    sample.key() + " has a picture that is not tokenised; make a cache with xomni data tokenize and train on that");
        };
    }

    /** A sequence that grows. */
    private static final class Growing {
        private final IntStream.Builder ids = IntStream.builder();
        private final List<Boolean> supervised = new ArrayList<>();

        void add(int[] stretch, boolean counts) {
            for (int id : stretch) {
                add(id, counts);
            }
        }

        void add(int id, boolean counts) {
            ids.add(id);
            supervised.add(counts && !supervised.isEmpty());
        }

        TokenSequence sequence() {
            boolean[] marks = new boolean[supervised.size()];
            for (int i = 0; i < marks.length; i++) {
                marks[i] = supervised.get(i);
            }
            return new TokenSequence(ids.build().toArray(), marks);
        }
    }
}
