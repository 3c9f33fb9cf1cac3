package org.xomni.train;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.xomni.tensor.InputException;
import org.xomni.tensor.NewFile;

/**
 * A recipe: a YAML file that says everything about one stage of training, read into records. What the records take:
 *
 * <ul>
 *   <li>A component {@code learningRate} is the key {@code learning-rate}. It must be given, unless it is {@code @Nullable} or has a
 *       {@link Default}. A key without a component is an error.
 *   <li>Components are numbers, booleans, text, paths, enums (in kebab case: {@code LINEAR_TO_ZERO} is {@code linear-to-zero}),
 *       records, lists, maps from text, and sealed interfaces of records.
 *   <li>Which record of a sealed interface it is, says {@code kind: cosine}; where nothing else is to be said,
 *       {@code schedule: constant} does.
 *   <li>Ranges are checked by the records' constructors, which throw {@link InputException}.
 * </ul>
 *
 * <p>Numbers may be written {@code 3e-4} and {@code 120_000}. Aliases, merged keys and several documents in one file are refused: what is
 * said of a key is said in one place.
 *
 * @param path where it was read
 * @param text the file as it was, comments included
 * @param recipe what it says
 */
public record RecipeFile<T extends Record>(Path path, String text, T recipe) {
    private static final int MAX_BYTES = 1 << 20;

    /**
     * Reads a recipe.
     *
     * @throws InputException if it is missing, not YAML, or not such a recipe; the message has all problems with their lines
     */
    public static <T extends Record> RecipeFile<T> read(Path path, Class<T> type) {
        String text = content(path);
        Yaml root;
        try {
            root = Yaml.parse(text);
        } catch (InputException e) {
            throw new InputException(path + ", " + e.getMessage(), e);
        }
        RecipeReader reader = new RecipeReader();
        Object recipe = reader.read(root, type);
        List<String> problems = reader.problems();
        if (recipe == null || !problems.isEmpty()) {
            String count = problems.size() > 1 ? " has " + problems.size() + " problems: " : ", ";
            throw new InputException(path + count + String.join("; ", problems));
        }
        return new RecipeFile<>(path, text, type.cast(recipe));
    }

    /** Writes the recipe as it was read, beside what it made. */
    public void saveTo(Path file) {
        NewFile.write(file, text);
    }

    private static String content(Path path) {
        try {
            if (!Files.isRegularFile(path)) {
                String what = Files.isDirectory(path) ? " is a folder" : " does not exist";
                throw new InputException(path + what + "; name a recipe, a YAML file");
            }
            if (Files.size(path) > MAX_BYTES) {
                throw new InputException(path + " has " + Files.size(path) + " bytes, more than a recipe may have (" + MAX_BYTES + ")");
            }
            return Files.readString(path);
        } catch (CharacterCodingException e) {
            throw new InputException(path + " is not UTF-8 text; save it as UTF-8", e);
        } catch (IOException e) {
            throw new InputException(path + " cannot be read (" + e + "); check its permissions", e);
        }
    }
}
