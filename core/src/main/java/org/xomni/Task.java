package org.xomni;

import java.util.List;
import org.xomni.autoregressive.Sampling;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.InputException;

/** What a {@link ServingEngine} is asked for. */
public sealed interface Task {

    /** The conversation before, perhaps empty. */
    List<Turn> conversation();

    /** Slots of the cache that it takes: guidance has a second branch. */
    int slots();

    /**
     * A picture.
     *
     * @param request what to draw
     * @param conversation messages up to and including the one that asks for the picture, or none to draw {@code request.prompt()} alone
     * @param previews how many pictures of what is drawn so far to show on the way, evenly spaced; fewer come when decoding is busy
     */
    record Draw(DrawRequest request, List<Turn> conversation, int previews) implements Task {
        /** The most previews of a picture. */
        public static final int MOST_PREVIEWS = 16;

        public Draw {
            if (previews < 0 || previews > MOST_PREVIEWS) {
                throw new InputException(previews + " previews are out of range; ask for 0 to " + MOST_PREVIEWS);
            }
            conversation = List.copyOf(conversation);
        }

        /** A picture of a prompt alone. */
        public static Draw of(DrawRequest request) {
            return new Draw(request, List.of(), 0);
        }

        @Override
        public int slots() {
            return request.sampling().guided() ? 2 : 1;
        }
    }

    /**
     * An answer to the last message of a conversation.
     *
     * @param conversation at least one message
     * @param maxTokens the longest answer, or 0 for as long as the context allows, up to {@link ChatRequest#DEFAULT_MAX_TOKENS}
     * @param sampling how tokens are drawn; guidance is not used
     * @param seed of the sampling
     * @param stop texts that end the answer and are not part of it
     */
    record Answer(List<Turn> conversation, int maxTokens, Sampling sampling, long seed, List<String> stop) implements Task {
        public Answer {
            if (conversation.isEmpty()) {
                throw new InputException("there are no messages; say something");
            }
            if (maxTokens < 0) {
                throw new InputException("max_tokens " + maxTokens + " is negative; ask for at least one token");
            }
            if (sampling.guided()) {
                throw new InputException("guidance " + sampling.guidance() + " applies to images only; use 1 for text");
            }
            if (stop.stream().anyMatch(String::isEmpty)) {
                throw new InputException("a stop text is empty; leave it out");
            }
            conversation = List.copyOf(conversation);
            stop = List.copyOf(stop);
        }

        /** The most likely answer, as {@link ChatRequest#of} asks for it. */
        public static Answer of(Turn... conversation) {
            return new Answer(List.of(conversation), 0, Sampling.GREEDY, 0, List.of());
        }

        /** The same, but no longer than so many tokens. */
        public Answer maxTokens(int maxTokens) {
            return new Answer(conversation, maxTokens, sampling, seed, stop);
        }

        @Override
        public int slots() {
            return 1;
        }
    }

    /** What came of a task. */
    sealed interface Result {
        /** How many ids the model read, a picture's included. */
        int promptTokens();
    }

    /** What came of {@link Draw}. */
    record Drawn(Drawing drawing, int promptTokens) implements Result {}

    /**
     * What came of {@link Answer}.
     *
     * @param text without the text that stopped it
     * @param tokens drawn, the one that ended the answer excluded
     * @param whole whether the model, or a stop text, ended it; otherwise the limit did
     */
    record Said(String text, int promptTokens, int tokens, boolean whole) implements Result {}

    /**
     * Hears of a task's progress, on threads that draw: it must not block. One that throws ends its own task, whose {@link Job#await} then throws, and no other; what
     * {@link #preview} throws is logged, and the task goes on.
     */
    interface Listener {
        /** For those who do not listen. */
        Listener NONE = new Listener() {};

        /** An image token was drawn, the {@code done}-th of {@code total}; {@code id} is of the codebook. */
        default void token(int id, int done, int total) {}

        /** More of an answer: whole characters. */
        default void text(String piece) {}

        /** The diffusion decoder has done a step. */
        default void decoding(int done, int total) {}

        /** The picture so far, the {@code index}-th preview from 0. */
        default void preview(Pixels pixels, ImageTokens soFar, int index) {}
    }
}
