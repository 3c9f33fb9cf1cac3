package org.xomni.rl.prompt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;

/** Where prompts come from. */
class PromptsTest {
    @TempDir
    Path folder;

    private List<Prompt> first(PromptRecipe recipe, int count) {
        PromptSource source = recipe.open(folder);
        return LongStream.range(0, count).mapToObj(source::prompt).toList();
    }

    @Test
    void textIsBucketedByLengthAndOfItsSplit() {
        for (Split split : Split.values()) {
            List<Prompt> prompts = first(new PromptRecipe.SignsText(3, List.of(6, 12, 18), 4, List.of("128x128", "96x160"), split, 0), 30);
            for (int i = 0; i < prompts.size(); i++) {
                Scene scene = prompts.get(i).scene().orElseThrow();
                int[] bounds = new int[][] {{4, 6}, {7, 12}, {13, 18}}[i % 3];
                String text = scene.text().orElseThrow().joined();
                assertThat(text.length()).isBetween(bounds[0], bounds[1]);
                assertThat(prompts.get(i).written()).contains(String.join("\n", scene.text().orElseThrow().lines()));
                assertThat(split.holds(scene)).isTrue();
                assertThat(prompts.get(i).height()).isEqualTo(scene.height());
                for (String word : scene.text().orElseThrow().words()) {
                    assertThat(prompts.get(i).text()).contains(word);
                }
            }
            assertThat(prompts.stream().map(Prompt::text).distinct().count()).isEqualTo(30);
        }
    }

    @Test
    void naturalScenesHaveNoText() {
        assertThat(first(new PromptRecipe.SignsScenes(3, List.of("128x128"), Split.TRAIN), 20)).allSatisfy(p -> {
            assertThat(p.written()).isEmpty();
            assertThat(p.scene().orElseThrow().text()).isEmpty();
        });
    }

    @Test
    void signsWithShapesCanBeAskedFor() {
        assertThat(first(new PromptRecipe.SignsText(3, List.of(6, 12), 4, List.of("128x128"), Split.TRAIN, 2), 30))
                .allSatisfy(p -> assertThat(p.scene().orElseThrow().shapes()).hasSizeGreaterThanOrEqualTo(2))
                .allSatisfy(p -> assertThat(p.written().orElseThrow().length()).isBetween(4, 12));
        assertThatThrownBy(() -> new PromptRecipe.SignsText(3, List.of(6), 4, List.of("128x128"), Split.TRAIN, -1))
                .isInstanceOf(InputException.class).hasMessageContaining("shapes -1");
    }

    @Test
    void aLengthThatNoSignHasIsRefused() {
        assertThatThrownBy(() -> first(new PromptRecipe.SignsText(3, List.of(60), 50, List.of("128x128"), Split.TRAIN, 0), 1))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("50 to 60 characters");
    }

    @Test
    void filesAreReadAndShuffledAnewInEachEpoch() throws IOException {
        Files.writeString(folder.resolve("p.jsonl"), """
                {"prompt": "a sign", "text": "OPEN", "height": 96}

                {"prompt": "a cat"}
                {"prompt": "a dog", "text": " "}
                """);
        List<Prompt> prompts = first(new PromptRecipe.File(Path.of("p.jsonl"), 1, "128x160"), 30);
        assertThat(prompts.subList(0, 3)).containsExactlyInAnyOrder(
                new Prompt("a sign", 96, 160, Optional.of("OPEN"), Optional.empty()), Prompt.of("a cat", 128, 160), Prompt.of("a dog", 128, 160));
        for (int epoch = 0; epoch < 10; epoch++) {
            assertThat(prompts.subList(3 * epoch, 3 * epoch + 3)).doesNotHaveDuplicates();
        }
        assertThat(LongStream.range(0, 10).mapToObj(e -> prompts.subList((int) (3 * e), (int) (3 * e + 3))).distinct().count()).isGreaterThan(1);
    }

    @Test
    void sizesOfAFileAreKnownBeforeAnythingIsDrawn() throws IOException {
        PromptRecipe.File file = new PromptRecipe.File(Path.of("p.jsonl"), 1, "128x160");
        assertThat(file.sizes(folder)).as("not there yet").extracting(PromptRecipe.Size::toString).containsExactly("128x160");
        Files.writeString(folder.resolve("p.jsonl"), "{\"prompt\": \"a sign\", \"height\": 100}\n");
        assertThat(file.sizes(folder)).extracting(PromptRecipe.Size::toString).containsExactly("100x160");
        assertThat(new PromptRecipe.Size(96, 160).tokens(16)).isEqualTo(60);
        assertThatThrownBy(() -> file.sizes(folder).forEach(size -> size.requireMultipleOf(16)))
                .isInstanceOf(InputException.class).hasMessageContaining("100x160 pixels has a side that is no multiple of 16");
    }

    @Test
    void badFilesAreRefusedWithTheirLine() throws IOException {
        Files.writeString(folder.resolve("bad.jsonl"), "{\"prompt\": \"a\"}\n{\"text\": \"b\"}\n");
        Files.writeString(folder.resolve("empty.txt"), "\n\n");
        assertThatThrownBy(() -> new PromptRecipe.File(Path.of("bad.jsonl"), 1, "16x16").open(folder))
                .isInstanceOf(InputException.class).hasMessageContaining("line 2");
        Files.writeString(folder.resolve("side.jsonl"), "{\"prompt\": \"a\"}\n\n{\"prompt\": \"b\", \"height\": [96]}\n");
        assertThatThrownBy(() -> new PromptRecipe.File(Path.of("side.jsonl"), 1, "16x16").open(folder))
                .isInstanceOf(InputException.class).hasMessageContaining("line 3").hasMessageContaining("[96]");
        assertThatThrownBy(() -> new PromptRecipe.File(Path.of("empty.txt"), 1, "16x16").open(folder))
                .isInstanceOf(InputException.class).hasMessageContaining("has no prompts");
        assertThatThrownBy(() -> new PromptRecipe.File(Path.of("none.txt"), 1, "16x16").open(folder))
                .isInstanceOf(InputException.class).hasMessageContaining("none.txt");
    }

    @Test
    void mixturesKeepTheirShares() throws IOException {
        Files.writeString(folder.resolve("p.txt"), "one\ntwo\n");
        PromptRecipe.Mixture mixture = new PromptRecipe.Mixture(1, List.of(
                new PromptRecipe.Mixture.Part(3, new PromptRecipe.File(Path.of("p.txt"), 1, "128x128")),
                new PromptRecipe.Mixture.Part(1, new PromptRecipe.File(Path.of("p.txt"), 1, "96x96"))));
        PromptSource source = mixture.open(folder);
        long large = LongStream.range(0, 4096).mapToObj(source::prompt).filter(p -> p.height() == 128).count();
        assertThat(large).isEqualTo(3072);
        assertThat(mixture.sizes(folder)).extracting(PromptRecipe.Size::toString).containsExactlyInAnyOrder("128x128", "96x96");
    }

    @Test
    void whatIsMeasuredDoesNotRepeat() throws IOException {
        Files.writeString(folder.resolve("p.txt"), "one\ntwo\nthree\n");
        PromptRecipe.File file = new PromptRecipe.File(Path.of("p.txt"), 1, "128x128");
        file.open(folder).requireWithoutRepetition(3);
        assertThatThrownBy(() -> file.open(folder).requireWithoutRepetition(4)).isInstanceOf(InputException.class).hasMessageContaining("it has 3");
        PromptSource mixed = new PromptRecipe.Mixture(1, List.of(
                new PromptRecipe.Mixture.Part(1, file), new PromptRecipe.Mixture.Part(99, new PromptRecipe.SignsScenes(3, List.of("128x128"), Split.TRAIN)))).open(folder);
        mixed.requireWithoutRepetition(20);
        assertThatThrownBy(() -> mixed.requireWithoutRepetition(4096)).isInstanceOf(InputException.class).hasMessageContaining("it has 3");
    }
}
