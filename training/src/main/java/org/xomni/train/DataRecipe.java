package org.xomni.train;

import java.util.List;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTransform;

/** Where a stage's samples come from, as a recipe says it. */
public sealed interface DataRecipe {

    /** Opens the source. */
    SampleSource open();

    /** The most pixels that one of its pictures has when a checkpoint sees it. */
    long mostPixels(ImageTransform transform);

    /** Its files that are not there. */
    List<String> missing();

    /**
     * The procedural world of signs.
     *
     * @param seed of the world
     * @param tasks how often each task comes
     * @param sizes pictures' HEIGHTxWIDTH in pixels, each as often as it is listed
     */
    record Signs(long seed, Tasks tasks, List<String> sizes) implements DataRecipe {

        /** Weights; see {@link SignsWorld.Tasks}. */
        public record Tasks(
                @Default("0") double generation,
                @Default("0") double reading,
                @Default("0") double questions,
                @Default("0") double description,
                @Default("0") double drawing) {}

        @Override
        public SampleSource open() {
            SignsWorld.Tasks weights =
                    new SignsWorld.Tasks(tasks.generation, tasks.reading, tasks.questions, tasks.description, tasks.drawing);
            return new SignsWorld(seed, Split.TRAIN, weights, sizes.stream().map(Signs::size).toList());
        }

        @Override
        public long mostPixels(ImageTransform transform) {
            return sizes.stream().map(Signs::size).mapToLong(s -> (long) s.height() * s.width()).max().orElse(0);
        }

        @Override
        public List<String> missing() {
            return List.of();
        }

        private static SignsWorld.Size size(String text) {
            if (!text.matches("\\d{1,4}x\\d{1,4}")) {
                throw new InputException("size '" + text + "' is not HEIGHTxWIDTH, such as 96x160");
            }
            int by = text.indexOf('x');
            return new SignsWorld.Size(Integer.parseInt(text.substring(0, by)), Integer.parseInt(text.substring(by + 1)));
        }
    }
}
