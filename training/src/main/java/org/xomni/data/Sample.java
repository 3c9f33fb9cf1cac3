package org.xomni.data;

import java.util.List;
import java.util.stream.Stream;

/**
 * One training sample: text and pictures in order. Its kind says what is supervised (paper, section 3.2): of a {@link Generation} the image
 * tokens, of a {@link Dialogue} what the assistant says or draws.
 */
public sealed interface Sample {
    /** What is asked for by {@link Generation#asDescription}, as the reference's chat asks unless told otherwise. */
    String DESCRIBE = "Describe this image in detail.";

    /** Names the sample in messages, such as {@code shard-00012.tar/000345}. */
    String key();

    /** All pictures in order. */
    List<Picture> pictures();

    /** The sample with other pictures, as many as before: those tokenised, for example. */
    Sample withPictures(List<Picture> pictures);

    /** A raw prompt and the picture that it asks for; the image tokens are supervised. */
    record Generation(String key, String prompt, Picture picture) implements Sample {
        @Override
        public List<Picture> pictures() {
            return List.of(picture);
        }

        @Override
        public Sample withPictures(List<Picture> pictures) {
            return new Generation(key, prompt, pictures.getFirst());
        }

        /** The other way round: the user shows the picture and asks what it is, the assistant says the caption. */
        public Dialogue asDescription() {
            return new Dialogue(key, List.of(
                    new Turn(Role.USER, List.of(new Part.Shown(picture), new Part.Said("\n" + DESCRIBE))), Turn.of(Role.ASSISTANT, prompt)));
        }
    }

    /** A conversation through the chat template; what the assistant says or draws is supervised. */
    record Dialogue(String key, List<Turn> turns) implements Sample {
        public Dialogue {
            turns = List.copyOf(turns);
        }

        @Override
        public List<Picture> pictures() {
            return turns.stream().flatMap(Turn::pictures).toList();
        }

        @Override
        public Sample withPictures(List<Picture> pictures) {
            var next = pictures.iterator();
            return new Dialogue(key, turns.stream()
                    .map(t -> new Turn(t.role(), t.parts().stream()
                            .map(p -> p instanceof Part.Shown ? new Part.Shown(next.next()) : p)
                            .toList()))
                    .toList());
        }
    }

    /** Who speaks. */
    enum Role {
        SYSTEM,
        USER,
        ASSISTANT
    }

    /** What one speaker says, in order. */
    record Turn(Role role, List<Part> parts) {
        public Turn {
            parts = List.copyOf(parts);
        }

        /** A turn of text only. */
        public static Turn of(Role role, String text) {
            return new Turn(role, List.of(new Part.Said(text)));
        }

        Stream<Picture> pictures() {
            return parts.stream().filter(Part.Shown.class::isInstance).map(p -> ((Part.Shown) p).picture());
        }
    }

    /** Text or a picture within a turn. */
    sealed interface Part {
        /** Text. */
        record Said(String text) implements Part {}

        /** A picture: shown by the user, or drawn by the assistant. */
        record Shown(Picture picture) implements Part {}
    }
}
