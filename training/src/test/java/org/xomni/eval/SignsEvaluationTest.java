package org.xomni.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextReader;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;

class SignsEvaluationTest {
    private static final int COUNT = 12;

    private static TextReader reader;
    private static SignsEvaluation evaluation;

    @BeforeAll
    static void load() {
        reader = new TextReader();
        evaluation = new SignsEvaluation(3, Split.HELD_OUT, COUNT, 4, new SignsScorer(reader));
    }

    @AfterAll
    static void close() {
        reader.close();
    }

    /** The right picture for each prompt. */
    private static Map<String, Pixels> pictures() {
        SignsWorld world = new SignsWorld(3, Split.HELD_OUT, SignsWorld.Tasks.GENERATION);
        Map<String, Pixels> pictures = new HashMap<>();
        for (int i = 0; i < COUNT; i++) {
            pictures.put(evaluation.prompt(i), Painter.paint(world.scene(i)));
        }
        return pictures;
    }

    @Test
    void aModelThatDrawsWhatIsAskedGetsFullMarks() {
        Map<String, Pixels> pictures = pictures();
        List<Integer> batches = new ArrayList<>();
        List<SignsEvaluation.Result> drawn = evaluation.draw((prompts, height, width, _) -> {
            batches.add(prompts.size());
            List<Pixels> some = prompts.stream().map(pictures::get).toList();
            assertThat(some).allMatch(p -> p.height() == height && p.width() == width);
            return some;
        });
        assertThat(batches).allMatch(size -> size <= 4);
        assertThat(drawn).hasSize(COUNT);
        for (int i = 0; i < COUNT; i++) {
            assertThat(drawn.get(i).prompt()).isEqualTo(evaluation.prompt(i));
        }
        assertThat(SignsEvaluation.generation(1, drawn).scores())
                .allSatisfy((aspect, score) -> assertThat(score.mean()).as("%s", aspect).isEqualTo(1));
    }

    @Test
    void aModelThatDrawsNothingGetsOnlyWhatIsEmpty() {
        Map<Aspect, Interval> scores = SignsEvaluation.generation(1, evaluation.draw(
                (prompts, height, width, _) -> prompts.stream().map(_ -> new Pixels(height, width)).toList())).scores();
        assertThat(scores.get(Aspect.TEXT_ACCURACY)).extracting(s -> s == null ? -1 : s.mean()).isEqualTo(0.0);
        assertThat(scores.get(Aspect.SHAPE_KIND)).extracting(s -> s == null ? -1 : s.mean()).isEqualTo(0.0);
        assertThat(scores.get(Aspect.NO_SHAPE)).extracting(s -> s == null ? -1 : s.mean()).isEqualTo(1.0);
    }

    @Test
    void theTableSaysHowWasDrawn() {
        SignsReport.Generation usual = SignsEvaluation.generation(1, List.of());
        SignsReport.Generation best = SignsEvaluation.generation(0, List.of());
        assertThat(new SignsReport(1, Split.HELD_OUT, 1, Map.of(1.0, usual), Optional.empty(), Optional.empty()).table()).contains("generation without guidance\n");
        assertThat(new SignsReport(1, Split.HELD_OUT, 1, Map.of(1.0, best), Optional.empty(), Optional.empty()).table())
                .contains("generation without guidance, temperature 0.0\n");
        assertThat(new SignsReport(1, Split.HELD_OUT, 1, Map.of(2.0, best), Optional.empty(), Optional.empty()).json()).contains("\"temperature\" : 0.0");
    }

    @Test
    void aReportOfPerfectReconstructionsAndAnswers(@TempDir Path folder) throws Exception {
        SignsEvaluation.Reconstructions same = evaluation.reconstruct((originals, _) -> originals.stream()
                .map(p -> new SignsEvaluation.Reconstructed(p, new ImageTokens(1, 2, new int[] {1, 5})))
                .toList());
        Map<String, String> right = new HashMap<>();
        List<SignsEvaluation.Answered> silent = evaluation.ask((_, questions) -> questions.stream().map(_ -> "?").toList());
        silent.forEach(a -> right.merge(key(Painter.paint(a.scene()), a.question().question()), a.question().answer(), (x, y) -> {
            assertThat(x).isEqualTo(y);
            return x;
        }));
        List<SignsEvaluation.Answered> answered = evaluation.ask((pictures, questions) -> {
            List<String> answers = new ArrayList<>();
            for (int i = 0; i < questions.size(); i++) {
                answers.add(right.get(key(pictures.get(i), questions.get(i))) + ".");
            }
            return answers;
        });
        long texts = answered.stream().map(SignsEvaluation.Answered::scene).distinct().filter(scene -> scene.text().isPresent()).count();
        assertThat(answered.stream().filter(SignsEvaluation.Answered::isReading)).as("each text is asked for once").hasSize((int) texts);
        assertThat(answered).hasSize((int) (3 * COUNT + texts));
        SignsReport report = evaluation.report(
                Map.of(), Optional.of(evaluation.reconstruction(same)), Optional.of(SignsEvaluation.understanding(answered)));
        report.write(folder.resolve("report.json"));
        var json = Json.mapper().readTree(Files.readString(folder.resolve("report.json")));
        assertThat(json.at("/prompts").asInt()).isEqualTo(COUNT);
        assertThat(json.at("/reconstruction/relativeTextAccuracy/mean").asDouble()).isEqualTo(1);
        assertThat(json.at("/reconstruction/codebook/codes").asInt()).isEqualTo(2);
        assertThat(json.at("/reconstruction/scores/BACKGROUND/count").asInt()).isEqualTo(COUNT);
        // The full stop is forgiven, but not in an exact reading.
        assertThat(json.at("/understanding/questions/mean").asDouble()).isEqualTo(1);
        assertThat(json.at("/understanding/readingFolded/mean").asDouble()).isEqualTo(1);
        assertThat(json.at("/understanding/readingExact/mean").asDouble()).isEqualTo(0);
        assertThat(json.at("/understanding/topics").isEmpty()).isFalse();
        assertThat(SignsEvaluation.understanding(silent).questions().mean()).isZero();
        assertThat(report.table()).contains("PSNR", "58.9", "text read exactly, any case", "2 codes").doesNotContain("generation");
    }

    private static String key(Pixels picture, String question) {
        return picture.hashCode() + question;
    }

    @Test
    void missingPicturesAndEmptyEvaluationsAreErrors() {
        assertThatThrownBy(() -> evaluation.draw((_, _, _, _) -> List.of())).hasMessageContaining("gave 0 pictures for");
        assertThatThrownBy(() -> new SignsEvaluation(1, Split.HELD_OUT, 0, 4, new SignsScorer(reader))).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> new SignsEvaluation(1, Split.TRAIN, 1, 4, new SignsScorer(reader)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("trained on");
    }
}
