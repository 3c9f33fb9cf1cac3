package org.xomni.train;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.xomni.data.AnnotatedImages;
import org.xomni.data.Filters;
import org.xomni.data.MappedSource;
import org.xomni.data.Records;
import org.xomni.data.Resized;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.Shares;
import org.xomni.data.Shuffled;
import org.xomni.data.TokenShards;
import org.xomni.data.TokenizerFingerprint;
import org.xomni.data.WebDataset;
import org.xomni.data.signs.Level;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;
import org.xomni.tokenizer.ImageTransform;

/** Where a stage's samples come from, as a recipe says it. Paths are relative to the recipe. */
public sealed interface DataRecipe {

    /**
     * Opens the source. Pictures from files have the size at which the checkpoint sees them.
     *
     * @param folder the recipe's
     * @param transform the checkpoint's
     * @throws InputException if files are missing or cannot be used
     */
    SampleSource open(Path folder, ImageTransform transform);

    /** The most pixels that one of its pictures has. */
    long mostPixels(ImageTransform transform);

    /** Its files that are not there. */
    List<String> missing(Path folder);

    /**
     * Makes sure that pictures which are tokens already are tokens of a checkpoint.
     *
     * @param folder the recipe's
     * @param model with {@code config.json} and the image tokenizer
     * @throws InputException if they are of another image tokenizer
     */
    default void requireTokensOf(Path folder, Path model) {}

    /** Whether some of it is of a split that is only measured on. */
    default boolean isHeldOut() {
        return false;
    }

    /** Whether pictures come as pixels, so that training on tokens needs the image tokenizer. */
    default boolean hasPixels() {
        return true;
    }

    /**
     * The procedural world of signs.
     *
     * @param seed of the world
     * @param level easy, shapes or full
     * @param tasks how often each task comes
     * @param sizes pictures' HEIGHTxWIDTH in pixels, each as often as it is listed
     * @param split train, or practice: what training leaves out and scores are not measured on; others to measure on
     */
    record Signs(long seed, @Default("full") Level level, Tasks tasks, List<String> sizes, @Default("train") Split split) implements DataRecipe {

        /** Weights; see {@link SignsWorld.Tasks}. */
        public record Tasks(
                @Default("0") double generation,
                @Default("0") double reading,
                @Default("0") double questions,
                @Default("0") double description,
                @Default("0") double drawing,
                @Default("0") double spelling) {}

        public Signs {
            Object unused = world(seed, split, level, tasks, sizes);
        }

        private static SignsWorld world(long seed, Split split, Level level, Tasks tasks, List<String> sizes) {
            SignsWorld.Tasks weights =
                    new SignsWorld.Tasks(tasks.generation, tasks.reading, tasks.questions, tasks.description, tasks.drawing, tasks.spelling);
            return new SignsWorld(seed, split, level, weights, sizes.stream().map(Signs::size).toList());
        }

        @Override
        public SampleSource open(Path folder, ImageTransform transform) {
            return world(seed, split, level, tasks, sizes);
        }

        @Override
        public boolean isHeldOut() {
            return split.isHeldOut();
        }

        @Override
        public long mostPixels(ImageTransform transform) {
            return sizes.stream().map(Signs::size).mapToLong(s -> (long) s.height() * s.width()).max().orElse(0);
        }

        @Override
        public List<String> missing(Path folder) {
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

    /** What a caption teaches. */
    enum Captions {
        /** To draw the picture that it asks for. */
        DRAW,
        /** To say it about the picture: understanding. */
        DESCRIBE
    }

    /** What lies in files: a fixed number of records, in a new order in each epoch. */
    sealed interface Stored extends DataRecipe {
        /** Of the order. */
        long seed();

        /** Which pictures are too small, too narrow or too large; null for all that the checkpoint takes. */
        @Nullable Filters filters();

        /** What captions teach. */
        Captions captions();

        /** The records. */
        Records records(Path folder);

        @Override
        default SampleSource open(Path folder, ImageTransform transform) {
            SampleSource shuffled = new Shuffled(records(folder), seed());
            if (captions() == Captions.DESCRIBE) {
                shuffled = new MappedSource(shuffled, sample -> sample instanceof Sample.Generation drawn ? drawn.asDescription() : sample);
            }
            Filters filters = filters();
            return Resized.by(transform, filters == null ? shuffled : filters.over(shuffled));
        }

        @Override
        default long mostPixels(ImageTransform transform) {
            return (long) transform.longSize() * transform.longSize();
        }
    }

    /**
     * Pictures with captions or conversations in tar shards; see {@link WebDataset}.
     *
     * @param path a shard, a folder of shards, or shards by pattern: {@code data/coyo/*.tar}
     * @param captions draw or describe: what a caption teaches
     */
    record Webdataset(Path path, long seed, @Nullable Filters filters, @Default("draw") Captions captions) implements Stored {
        @Override
        public Records records(Path folder) {
            Path resolved = folder.resolve(path);
            if (Files.isDirectory(resolved)) {
                return WebDataset.in(resolved);
            }
            List<Path> shards = shards(resolved);
            if (shards.isEmpty()) {
                throw new InputException("no file fits " + resolved + "; name shards, or a folder of them, as path");
            }
            return new WebDataset(shards);
        }

        @Override
        public List<String> missing(Path folder) {
            Path resolved = folder.resolve(path);
            return Files.isDirectory(resolved) || !shards(resolved).isEmpty() ? List.of() : List.of(resolved.normalize().toString());
        }

        /** By name; the pattern is the last part of the path. */
        private static List<Path> shards(Path pattern) {
            Path parent = Objects.requireNonNull(pattern.toAbsolutePath().getParent(), "a pattern lies in a folder");
            List<Path> shards = new ArrayList<>();
            if (Files.isDirectory(parent)) {
                try (DirectoryStream<Path> found = Files.newDirectoryStream(parent, pattern.getFileName().toString())) {
                    found.forEach(shards::add);
                } catch (IOException e) {
                    throw new InputException(parent + " cannot be listed (" + e + "); check its permissions", e);
                }
            }
            return shards.stream().sorted().toList();
        }
    }

    /**
     * A file of captions, or of conversations in the manner of LLaVA, and a folder of the images that they name; see
     * {@link AnnotatedImages}.
     *
     * @param path {@code .jsonl}, or {@code .json} with one array
     * @param images folder
     * @param captions draw or describe: what a caption teaches
     */
    record Jsonl(Path path, Path images, long seed, @Nullable Filters filters, @Default("draw") Captions captions) implements Stored {
        @Override
        public Records records(Path folder) {
            return new AnnotatedImages(folder.resolve(path), folder.resolve(images));
        }

        @Override
        public List<String> missing(Path folder) {
            List<String> missing = new ArrayList<>();
            for (Path needed : List.of(folder.resolve(path), folder.resolve(images))) {
                if (!Files.exists(needed)) {
                    missing.add(needed.normalize().toString());
                }
            }
            return missing;
        }
    }

    /**
     * Samples whose pictures are tokens already; see {@link TokenShards}.
     *
     * @param path a folder that {@code xomni data tokenize} wrote
     * @param captions draw or describe: what a caption teaches
     */
    record Tokens(Path path, long seed, @Default("draw") Captions captions) implements Stored {
        @Override
        public @Nullable Filters filters() {
            return null;
        }

        @Override
        public Records records(Path folder) {
            return new TokenShards(folder.resolve(path));
        }

        @Override
        public boolean hasPixels() {
            return false;
        }

        @Override
        public void requireTokensOf(Path folder, Path model) {
            Path cache = folder.resolve(path);
            String made = TokenShards.tokenizer(cache);
            if (!made.isEmpty() && !made.equals(TokenizerFingerprint.of(model))) {
                throw new InputException(cache.normalize() + " holds tokens of another image tokenizer than that of " + model + ", where codes mean something else; write it anew with xomni data tokenize --model " + model);
            }
        }

        @Override
        public List<String> missing(Path folder) {
            return Files.isDirectory(folder.resolve(path)) ? List.of() : List.of(folder.resolve(path).normalize().toString());
        }
    }

    /**
     * Several sources at once; see {@link org.xomni.data.Mixture}.
     *
     * @param seed of the order in which they come
     * @param parts sources and how often each comes
     */
    record Mixture(long seed, List<Part> parts) implements DataRecipe {

        /** @param weight relative to the others */
        public record Part(double weight, DataRecipe source) {}

        public Mixture {
            Object unused = new Shares(parts.stream().map(Part::weight).toList(), seed);
        }

        @Override
        public SampleSource open(Path folder, ImageTransform transform) {
            return new org.xomni.data.Mixture(
                    parts.stream().map(p -> new org.xomni.data.Mixture.Part(p.source.open(folder, transform), p.weight)).toList(), seed);
        }

        @Override
        public long mostPixels(ImageTransform transform) {
            return parts.stream().mapToLong(p -> p.source.mostPixels(transform)).max().orElseThrow();
        }

        @Override
        public void requireTokensOf(Path folder, Path model) {
            parts.forEach(p -> p.source.requireTokensOf(folder, model));
        }

        @Override
        public List<String> missing(Path folder) {
            return parts.stream().flatMap(p -> p.source.missing(folder).stream()).toList();
        }

        @Override
        public boolean hasPixels() {
            return parts.stream().anyMatch(p -> p.source.hasPixels());
        }

        @Override
        public boolean isHeldOut() {
            return parts.stream().anyMatch(p -> p.source.isHeldOut());
        }
    }
}
