package org.xomni.data.signs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class QuestionsTest {
    private static final Scene SCENE = new Scene(128, 128, Colour.GREEN, Optional.of(Colour.WHITE),
            Optional.of(new Scene.Text(List.of("Open", "UP"), Colour.YELLOW, Place.Row.TOP)),
            List.of(shape(Shape.Kind.STAR, Colour.RED, Place.Column.LEFT), shape(Shape.Kind.STAR, Colour.RED, Place.Column.CENTER),
                    shape(Shape.Kind.SQUARE, Colour.ORANGE, Place.Column.RIGHT)));

    @Test
    void eachQuestionHasOneRightAnswer() {
        Map<String, Set<String>> answers = new HashMap<>();
        for (int i = 0; i < 3000; i++) {
            Questions.all(SCENE, new SplittableRandom(i))
                    .forEach(q -> answers.computeIfAbsent(q.question(), k -> new TreeSet<>()).add(q.answer()));
        }
        assertThat(answers.values()).allMatch(a -> a.size() == 1);
        Map<String, String> expected = new HashMap<>();
        expected.put("What does the sign say?", "Open UP");
        expected.put("What is the second line?", "UP");
        expected.put("How many lines of text are there?", "2");
        expected.put("What color is the background?", "green");
        expected.put("What color is the text?", "yellow");
        expected.put("Where is the text?", "top");
        expected.put("Is there a border?", "yes");
        expected.put("What color is the border?", "white");
        expected.put("How many shapes are there?", "3");
        expected.put("How many red stars are there?", "2");
        expected.put("How many stars are there?", "2");
        expected.put("How many circles are there?", "0");
        expected.put("Is there a star?", "yes");
        expected.put("Is there a blue star?", "no");
        expected.put("Is there an orange square?", "yes");
        expected.put("What color is the square?", "orange");
        expected.put("Where is the square?", "bottom right");
        expected.put("What is in the bottom left corner?", "a red star");
        expected.put("What shape is in the bottom right corner?", "an orange square");
        expected.put("What is on the right?", "nothing");
        expected.forEach((question, answer) -> assertThat(answers).containsEntry(question, Set.of(answer)));
        assertThat(answers).doesNotContainKey("Where is the star?").doesNotContainKey("What color is the star?");
    }

    @Test
    void differentQuestionsAboutOneScene() {
        SignsWorld world = new SignsWorld(2, Split.TRAIN, SignsWorld.Tasks.UNDERSTANDING);
        for (int i = 0; i < 500; i++) {
            List<Question> some = Questions.some(world.scene(i), 4, new SplittableRandom(i));
            assertThat(some).hasSizeBetween(3, 4).doesNotHaveDuplicates();
            assertThat(some).allSatisfy(q -> assertThat(q.answer()).isNotBlank().hasSizeLessThan(40));
        }
        assertThat(Questions.describe(SCENE, new SplittableRandom(1)).answer()).contains("green", "white", "yellow", "Open", "UP");
    }

    private static Shape shape(Shape.Kind kind, Colour colour, Place.Column column) {
        return new Shape(kind, colour, new Place(Place.Row.BOTTOM, column));
    }
}
