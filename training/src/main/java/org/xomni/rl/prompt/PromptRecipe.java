package org.xomni.rl.prompt;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.xomni.data.Shares;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;
import org.xomni.train.Default;

/** Where prompts come from, as a recipe says it. Paths are relative to the recipe; sizes are HEIGHTxWIDTH in pixels. */
public sealed interface PromptRecipe {

    /**
     * Opens the source.
     *
     * @param folder the recipe's
     * @throws InputException if a file is missing or cannot be used
     */
    PromptSource open(Path folder);

    /** Its files that are not there. */
    default List<String> missing(Path folder) {
        return List.of();
    }

    /**
     * The sizes of its pictures. Of a file that is not there yet it is the one that prompts have which say none.
     *
     * @param folder the recipe's
     * @throws InputException if a file cannot be read
     */
    Set<Size> sizes(Path folder);

    /** Parts of the signs world that it takes prompts from. */
    default Set<Split> splits() {
        return Set.of();
    }

    /**
     * Text rendering in the signs world, the same number of prompts from each bucket of text lengths.
     *
     * @param buckets the longest text of each, in characters: {@code [4, 8, 12]} are 1 to 4, 5 to 8 and 9 to 12
     * @param least the shortest text of the first bucket
     * @param sizes each as often as it is listed
     * @param shapes the fewest that stand beside the text: signs with shapes are harder than those without
     */
    record SignsText(
            long seed, List<Integer> buckets, @Default("1") int least, List<String> sizes, @Default("train") Split split, @Default("0") int shapes)
            implements PromptRecipe {
        public SignsText {
            Object unused = prompts(seed, split, sizes, SignsPrompts.from(least, buckets), shapes);
        }

        @Override
        public PromptSource open(Path folder) {
            return prompts(seed, split, sizes, SignsPrompts.from(least, buckets), shapes);
        }

        @Override
        public Set<Split> splits() {
            return Set.of(split);
        }

        @Override
        public Set<Size> sizes(Path folder) {
            return sizes.stream().map(Size::of).collect(Collectors.toSet());
        }
    }

    /** Natural scenes in the signs world: colours and shapes, no text. */
    record SignsScenes(long seed, List<String> sizes, @Default("train") Split split) implements PromptRecipe {
        public SignsScenes {
            Object unused = prompts(seed, split, sizes, List.of(SignsPrompts.Bucket.NO_TEXT), 0);
        }

        @Override
        public PromptSource open(Path folder) {
            return prompts(seed, split, sizes, List.of(SignsPrompts.Bucket.NO_TEXT), 0);
        }

        @Override
        public Set<Split> splits() {
            return Set.of(split);
        }

        @Override
        public Set<Size> sizes(Path folder) {
            return sizes.stream().map(Size::of).collect(Collectors.toSet());
        }
    }

    /**
     * Prompts from a file; see {@link FilePrompts}.
     *
     * @param size of what says none
     */
    record File(Path path, long seed, String size) implements PromptRecipe {
        public File {
            Object unused = Size.of(size);
        }

        @Override
        public FilePrompts open(Path folder) {
            Size s = Size.of(size);
            return FilePrompts.read(folder.resolve(path).normalize(), seed, s.height, s.width);
        }

        @Override
        public List<String> missing(Path folder) {
            Path file = folder.resolve(path).normalize();
            return Files.isRegularFile(file) ? List.of() : List.of(file + ", prompts");
        }

        @Override
        public Set<Size> sizes(Path folder) {
            return missing(folder).isEmpty() ? open(folder).sizes() : Set.of(Size.of(size));
        }
    }

    /** Several of these, mixed by weight. */
    record Mixture(long seed, List<Part> parts) implements PromptRecipe {
        /** A source and its weight. */
        public record Part(double weight, PromptRecipe prompts) {}

        public Mixture {
            Object unused = shares(parts, seed);
        }

        private static Shares shares(List<Part> parts, long seed) {
            return new Shares(parts.stream().map(Part::weight).toList(), seed);
        }

        @Override
        public Set<Split> splits() {
            return parts.stream().flatMap(p -> p.prompts.splits().stream()).collect(Collectors.toSet());
        }

        @Override
        public PromptSource open(Path folder) {
            return new MixedPrompts(shares(parts, seed), parts.stream().map(p -> p.prompts.open(folder)).toList());
        }

        @Override
        public List<String> missing(Path folder) {
            return parts.stream().flatMap(p -> p.prompts.missing(folder).stream()).toList();
        }

        @Override
        public Set<Size> sizes(Path folder) {
            return parts.stream().flatMap(p -> p.prompts.sizes(folder).stream()).collect(Collectors.toSet());
        }
    }

    /** Pixels. */
    record Size(int height, int width) {
        /** @throws InputException if the text is not HEIGHTxWIDTH */
        static Size of(String text) {
            if (!text.matches("\\d{1,5}x\\d{1,5}")) {
                throw new InputException("size '" + text + "' is not HEIGHTxWIDTH, such as 96x160");
            }
            int by = text.indexOf('x');
            return new Size(Integer.parseInt(text.substring(0, by)), Integer.parseInt(text.substring(by + 1)));
        }

        /** Tokens of such a picture, which has one for each patch. */
        public long tokens(int patch) {
            return (long) (height / patch) * (width / patch);
        }

        /**
         * @param patch pixels on a side
         * @throws InputException if a side is no multiple of it
         */
        public void requireMultipleOf(int patch) {
            if (height % patch != 0 || width % patch != 0) {
                throw new InputException("a picture of " + this + " pixels has a side that is no multiple of " + patch + "; change the sizes of the prompts");
            }
        }

        @Override
        public String toString() {
            return height + "x" + width;
        }
    }

    private static SignsPrompts prompts(long seed, Split split, List<String> sizes, List<SignsPrompts.Bucket> buckets, int shapes) {
        List<SignsWorld.Size> signs = sizes.stream().map(Size::of).map(s -> new SignsWorld.Size(s.height, s.width)).toList();
        return new SignsPrompts(SignsPrompts.world(seed, split, signs), buckets, shapes);
    }
}
