package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.tensor.InputException;

class RecipeFileTest {
    @TempDir
    Path folder = Path.of("");

    enum Precision {
        FLOAT32,
        MIXED_BFLOAT16
    }

    record Adam(@Default("0.9") double beta1, @Default("0.98") double beta2) {
        Adam {
            if (!(beta1 >= 0 && beta1 < 1)) {
                throw new InputException("beta1 is " + beta1 + ", expected 0 to 1");
            }
        }
    }

    record Source(String name, double weight) {}

    record Recipe(
            long steps,
            int batchSize,
            double learningRate,
            Schedule schedule,
            @Default("{}") Adam optimizer,
            @Nullable Precision precision,
            @Default("[]") List<Source> sources,
            @Default("{}") Map<String, List<Integer>> sizes,
            @Nullable Path data,
            @Default("true") boolean shuffle,
            @Default("mini") String title) {}

    private static final String SMALLEST = """
            steps: 120_000   # how long
            batch-size: 24
            learning-rate: 1e-3
            schedule: {kind: constant, warmup: 100}
            """;

    private RecipeFile<Recipe> read(String yaml) throws IOException {
        return RecipeFile.read(Files.writeString(folder.resolve("recipe.yaml"), yaml), Recipe.class);
    }

    private void refused(String yaml, String... parts) {
        assertThatThrownBy(() -> read(yaml)).isInstanceOf(InputException.class)
                .message().contains("recipe.yaml").contains(parts).doesNotContain("\n");
    }

    @Test
    void takesDefaultsForWhatIsNotGiven() throws IOException {
        Recipe recipe = read(SMALLEST).recipe();
        assertThat(recipe).isEqualTo(new Recipe(
                120_000, 24, 1e-3, new Schedule.Constant(100), new Adam(0.9, 0.98), null, List.of(), Map.of(), null, true, "mini"));
    }

    @Test
    void readsAllThatIsGiven() throws IOException {
        Recipe recipe = read("""
                steps: 3e2
                batch-size: 24
                learning-rate: .5
                schedule:
                  kind: cosine
                  warmup: 10
                  end: 0.05
                optimizer: {beta1: 0}
                precision: mixed-bfloat16
                sources:
                  - {name: signs, weight: 1}
                  - name: 123
                    weight: 0.5
                sizes: {wide: [96, 160]}
                data: some/where
                shuffle: false
                title: "no: quotes"
                """).recipe();
        assertThat(recipe).isEqualTo(new Recipe(300, 24, 0.5, new Schedule.Cosine(10, 0.05), new Adam(0, 0.98), Precision.MIXED_BFLOAT16,
                List.of(new Source("signs", 1), new Source("123", 0.5)), Map.of("wide", List.of(96, 160)), Path.of("some/where"), false,
                "no: quotes"));
    }

    @Test
    void anUnknownKeyIsNamedWithItsLineAndWhatWasMeant() {
        refused(SMALLEST + "learning_rate: 3", "line 5",
                "unknown key 'learning_rate'", "did you mean 'learning-rate'?", "known keys: steps, batch-size");
        refused(SMALLEST + "optimizer:\n  betta1: 3", "line 6", "'betta1' in optimizer", "'beta1'", "known keys: beta1, beta2");
        refused(SMALLEST.replace("warmup", "warm-up-for"), "line 4", "'warm-up-for' in schedule", "known keys: warmup");
    }

    @Test
    void allProblemsAreReportedTogether() {
        refused("steps: many\noptimizer: {beta1: 3}\ncolour: red\n", "4 problems", "line 1: steps is 'many', expected a whole number",
                "line 2: optimizer: beta1 is 3.0, expected 0 to 1", "line 3: unknown key 'colour'",
                "line 1: 'batch-size', 'learning-rate', 'schedule' are missing");
    }

    @Test
    void wrongTypesAreTold() {
        refused(SMALLEST.replace("24", "[24]"), "line 2: batch-size is a list, expected a whole number");
        refused(SMALLEST.replace("24", "2.5"), "batch-size is '2.5', expected a whole number");
        refused(SMALLEST.replace("24", "5000000000"), "batch-size is '5000000000', expected a whole number");
        refused(SMALLEST.replace("1e-3", ".inf"), "learning-rate is '.inf', expected a number");
        refused(SMALLEST.replace("1e-3", "1e999"), "learning-rate is '1e999', expected a number");
        refused(SMALLEST + "shuffle: yes", "shuffle is 'yes', expected true or false");
        refused(SMALLEST + "precision: mixed-float16", "expected one of float32, mixed-bfloat16; did you mean 'mixed-bfloat16'?");
        refused(SMALLEST + "sources: [signs]", "sources[0] is 'signs', expected keys and values: name, weight");
        refused(SMALLEST + "sources: [{name: a, weight: b}]", "sources[0].weight is 'b', expected a number");
        refused(SMALLEST + "sources: [~]", "sources[0] is empty");
        refused("[1]", "the recipe is a list, expected keys and values");
    }

    @Test
    void kindsAreChecked() {
        refused(SMALLEST.replace("constant", "cosin"),
                "schedule.kind is 'cosin', expected one of constant, cosine, linear; did you mean 'cosine'?");
        refused(SMALLEST.replace("kind: constant, ", ""),
                "line 4: 'kind' is missing in schedule; expected one of constant, cosine, linear");
        refused(SMALLEST.replace("{kind: constant, warmup: 100}", "constant"), "'warmup' is missing in schedule");
        refused(SMALLEST.replace("{kind: constant, warmup: 100}", "[constant]"), "schedule is a list, expected one of");
        refused(SMALLEST.replace("100", "-1"), "line 4: schedule: warmup -1 must be at least 0");
    }

    @Test
    void whatYamlAllowsButARecipeDoesNot() {
        refused(SMALLEST + "steps: 3\n", "line 5: 'steps' stands there a second time");
        refused(SMALLEST + "---\nsteps: 3\n", "a second document");
        refused(SMALLEST + "title: &a x\ndata: *a\n", "line 6: an alias stands there");
        refused("steps: [", "not YAML");
        refused("a: b: c", "line 1", "not YAML");
        refused("a:\n\tb: 1", "line 2", "TAB");
        refused("# only a comment\n", "there is nothing in it");
    }

    @Test
    void aMissingFileOrAFolderIsTold() {
        assertThatThrownBy(() -> RecipeFile.read(folder.resolve("no.yaml"), Recipe.class))
                .isInstanceOf(InputException.class).hasMessageContaining("does not exist");
        assertThatThrownBy(() -> RecipeFile.read(folder, Recipe.class))
                .isInstanceOf(InputException.class).hasMessageContaining("is a folder");
    }

    @Test
    void savesTheSourceWithItsComments() throws IOException {
        Path copy = folder.resolve("run").resolve("recipe.yaml");
        RecipeFile<Recipe> read = read(SMALLEST);
        read.saveTo(copy);
        assertThat(copy).hasContent(SMALLEST);
        assertThat(RecipeFile.read(copy, Recipe.class).recipe()).isEqualTo(read.recipe());
        try (var files = Files.list(copy.resolveSibling(""))) {
            assertThat(files).hasSize(1);
        }
    }
}
