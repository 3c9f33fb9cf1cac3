package org.xomni.autoregressive;

import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import org.xomni.image.ImageTokens;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;
import org.xomni.text.TextTokenizer;

/**
 * How images are written in a sequence: {@code <SOM>h w<IMAGE>}, h*w image tokens row by row, {@code <EOM>}; h and w as text. The control tokens'
 * ids come from the tokenizer: checkpoints order them differently.
 */
public final class Vocabulary {
    private static final String END_OF_TURN = "<|im_end|>";
    private static final String FIRST_IMAGE_TOKEN = "<MM-Token-0>";

    private final UnifiedConfig config;
    private final TextTokenizer text;
    private final int begin;
    private final int end;
    private final int header;
    private final int endOfTurn;

    /** @throws CheckpointException if the tokenizer lacks one of the control tokens, or has ids that the model has not */
    public Vocabulary(UnifiedConfig config, TextTokenizer text) {
        int all = Math.addExact(config.vocabSize(), config.mmVocabSize());
        if (text.size() > all) {
            throw new CheckpointException("tokenizer.json has the id " + (text.size() - 1) + ", but the model's vocab_size " + config.vocabSize() + " and mm_vocab_size "
                    + config.mmVocabSize() + " end at " + (all - 1) + "; use the tokenizer of this checkpoint");
        }
        this.config = config;
        this.text = text;
        this.begin = text.idOf(config.specialTokens().get(0));
        this.end = text.idOf(config.specialTokens().get(1));
        this.header = text.idOf(config.specialTokens().get(2));
        this.endOfTurn = text.idOf(END_OF_TURN);
        if (config.isMultimodal(endOfTurn)) {
            throw new CheckpointException(END_OF_TURN + " has the id " + endOfTurn + ", which is no text: vocab_size is " + config.vocabSize()
                    + "; use the tokenizer of this checkpoint");
        }
        requireFirst(config, text);
    }

    /** Image tokens are written and read as vocab_size + k, so the tokenizer must have them there. */
    private static void requireFirst(UnifiedConfig config, TextTokenizer text) {
        OptionalInt first = text.findId(FIRST_IMAGE_TOKEN);
        if (first.isPresent() && first.getAsInt() != config.vocabSize()) {
            throw new CheckpointException(FIRST_IMAGE_TOKEN + " has the id " + first.getAsInt() + ", expected vocab_size " + config.vocabSize()
                    + "; use the tokenizer of this checkpoint");
        }
    }

    /** The ids that ask for an image of h x w tokens: {@code <SOM>h w<IMAGE>}. */
    public int[] imageHeader(int height, int width) {
        return text.encodeTrusted(config.specialTokens().get(0) + height + " " + width + config.specialTokens().get(2));
    }

    /**
     * An image as the model reads it.
     *
     * @throws InputException if a token is not one of the model's image tokens
     */
    public int[] image(ImageTokens tokens) {
        tokens.requireCodebook(config.imageVocabSize());
        IntStream codes = Arrays.stream(tokens.ids()).map(k -> config.vocabSize() + k);
        return IntStream.concat(IntStream.concat(Arrays.stream(imageHeader(tokens.height(), tokens.width())), codes), IntStream.of(end))
                .toArray();
    }

    /** What the model drew after {@link #imageHeader}. */
    public ImageTokens drawn(int height, int width, int[] ids) {
        return new ImageTokens(height, width, Arrays.stream(ids).map(id -> id - config.vocabSize()).toArray());
    }

    /** Ids that are never drawn within an image. */
    public Set<Integer> control() {
        return Set.of(begin, end, header);
    }

    /** The id that ends an answer. */
    public int endOfTurn() {
        return endOfTurn;
    }
}
