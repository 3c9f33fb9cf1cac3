package org.xomni.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.xomni.data.Sample;
import org.xomni.data.Seeds;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.Question;
import org.xomni.data.signs.Questions;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.eval.SignsScore.Aspect;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.ocr.TextAccuracy;
import org.xomni.tensor.InputException;

/**
 * The benchmark of the signs world: the first {@code count} held-out scenes of a seed, each with its complete prompt.
 *
 * @param seed of the world
 * @param split of the scenes, one that nothing is trained on
 * @param count of scenes
 * @param batch how many pictures of one size are asked for at once, at most
 */
public record SignsEvaluation(long seed, Split split, int count, int batch, SignsScorer scorer) {
    private static final int QUESTIONS_PER_SCENE = 3;

    /** Draws pictures; both sides in pixels. */
    @FunctionalInterface
    public interface Drawer {
        /** One picture for each prompt, in order. */
        List<Pixels> draw(List<String> prompts, int height, int width, long seed);
    }

    /** What became of a picture, and the tokens in between. */
    public record Reconstructed(Pixels picture, ImageTokens tokens) {}

    /** Encodes pictures to tokens and decodes these. */
    @FunctionalInterface
    public interface Reconstructor {
        /** One result for each picture, in order; all have the same size, which the results must have too. */
        List<Reconstructed> reconstruct(List<Pixels> pictures, long seed);
    }

    /** Answers questions about pictures. */
    @FunctionalInterface
    public interface Answerer {
        /** One answer for each picture and its question, in order; all pictures have the same size. */
        List<String> answer(List<Pixels> pictures, List<String> questions);
    }

    /** A picture, what was asked for and how well it came out. */
    public record Result(String prompt, Scene scene, Pixels picture, SignsScore score) {}

    /** All scenes reconstructed, and the tokens in between. */
    public record Reconstructions(List<Result> results, List<ImageTokens> tokens) {}

    /** A question about a scene's picture, and what the model answered. */
    public record Answered(Scene scene, Question question, String answer) {

        /** Whether all of the text was asked for. */
        boolean isReading() {
            return SignsEvaluation.isReading(scene, question);
        }

        /** 1 if the answer is the right one but for case, white space and a full stop; else 0. */
        double right() {
            String plain = answer.strip();
            boolean right = TextAccuracy.exact(plain, question.answer())
                    || plain.endsWith(".") && TextAccuracy.exact(plain.substring(0, plain.length() - 1), question.answer());
            return right ? 1 : 0;
        }
    }

    /** @throws InputException if a number is below 1, or models are trained on the split */
    public SignsEvaluation {
        if (!split.isHeldOut()) {
            throw new InputException("models are trained on the split " + split + "; evaluate held-out or held-out-words");
        }
        if (count < 1 || batch < 1) {
            throw new InputException("an evaluation of " + count + " scenes in batches of " + batch + " is none; give at least 1 of each");
        }
    }

    private SignsWorld world() {
        return new SignsWorld(seed, split, SignsWorld.Tasks.GENERATION);
    }

    /** The prompt of a scene. */
    String prompt(int index) {
        return world().sample(index) instanceof Sample.Generation generation ? generation.prompt() : "";
    }

    /**
     * Draws and scores all prompts.
     *
     * @return in the order of the scenes
     */
    public List<Result> draw(Drawer drawer) {
        return inBatches((scenes, indices) -> {
            List<String> prompts = indices.stream().map(this::prompt).toList();
            Scene first = scenes.getFirst();
            List<Pixels> pictures = drawer.draw(prompts, first.height(), first.width(), Seeds.mix(seed, indices.getFirst()));
            requireAll(pictures.size(), indices.size(), "pictures");
            return IntStream.range(0, pictures.size()).mapToObj(i -> result(prompts.get(i), scenes.get(i), pictures.get(i))).toList();
        });
    }

    /** Scores the scenes as the world itself paints them: the best that any model can get. */
    public List<Result> originals() {
        return inBatches((scenes, indices) -> IntStream.range(0, scenes.size())
                .mapToObj(i -> result(prompt(indices.get(i)), scenes.get(i), Painter.paint(scenes.get(i))))
                .toList());
    }

    private Result result(String prompt, Scene scene, Pixels picture) {
        return new Result(prompt, scene, picture, scorer.score(picture, scene));
    }

    /** The scores of drawn pictures, by aspect. */
    public static SignsReport.Generation generation(double temperature, List<Result> drawn) {
        return new SignsReport.Generation(temperature, scores(drawn));
    }

    /**
     * Reconstructs and scores all scenes.
     *
     * @return results in the order of the scenes
     */
    public Reconstructions reconstruct(Reconstructor reconstructor) {
        List<ImageTokens> tokens = new ArrayList<>();
        List<Result> results = inBatches((scenes, indices) -> {
            List<Pixels> originals = scenes.stream().map(Painter::paint).toList();
            List<Reconstructed> out = reconstructor.reconstruct(originals, Seeds.mix(seed, indices.getFirst()));
            requireAll(out.size(), originals.size(), "pictures");
            out.forEach(r -> tokens.add(r.tokens()));
            return IntStream.range(0, out.size())
                    .mapToObj(i -> result(prompt(indices.get(i)), scenes.get(i), out.get(i).picture()))
                    .toList();
        });
        return new Reconstructions(results, tokens);
    }

    /** The scores of reconstructions beside those of the originals. */
    public SignsReport.Reconstruction reconstruction(Reconstructions made) {
        List<Result> originals = originals();
        double[] psnr = new double[count];
        Arrays.setAll(psnr, i -> Psnr.of(made.results.get(i).picture(), originals.get(i).picture()));
        return new SignsReport.Reconstruction(
                scores(made.results),
                scores(originals),
                Bootstrap.ratio(values(made.results, Aspect.TEXT_ACCURACY), values(originals, Aspect.TEXT_ACCURACY)),
                Bootstrap.mean(psnr),
                CodebookUsage.of(made.tokens));
    }

    /**
     * Asks for the text of each scene that has some, and three questions more about each.
     *
     * @return in the order of the scenes
     */
    public List<Answered> ask(Answerer answerer) {
        List<List<Answered>> perScene = inBatches((scenes, indices) -> {
            List<Pixels> pictures = new ArrayList<>();
            List<Question> questions = new ArrayList<>();
            List<Integer> owners = new ArrayList<>();
            for (int i = 0; i < scenes.size(); i++) {
                Pixels picture = Painter.paint(scenes.get(i));
                for (Question question : questions(scenes.get(i), indices.get(i))) {
                    pictures.add(picture);
                    questions.add(question);
                    owners.add(i);
                }
            }
            List<String> answers = answerer.answer(pictures, questions.stream().map(Question::question).toList());
            requireAll(answers.size(), questions.size(), "answers");
            List<List<Answered>> answered = new ArrayList<>();
            scenes.forEach(_ -> answered.add(new ArrayList<>()));
            for (int q = 0; q < answers.size(); q++) {
                Scene scene = scenes.get(owners.get(q));
                answered.get(owners.get(q)).add(new Answered(scene, questions.get(q), answers.get(q)));
            }
            return answered;
        });
        return perScene.stream().flatMap(List::stream).toList();
    }

    private List<Question> questions(Scene scene, int index) {
        SplittableRandom random = new SplittableRandom(Seeds.mix(seed, index, 2));
        List<Question> questions = new ArrayList<>();
        scene.text().ifPresent(_ -> questions.add(Questions.reading(scene, random)));
        // One of these may ask for the whole text, which is asked for already.
        Questions.some(scene, QUESTIONS_PER_SCENE + 1, random).stream()
                .filter(question -> !isReading(scene, question))
                .limit(QUESTIONS_PER_SCENE)
                .forEach(questions::add);
        return questions;
    }

    private static boolean isReading(Scene scene, Question question) {
        return question.topic() == Question.Topic.TEXT && scene.text().filter(t -> t.joined().equals(question.answer())).isPresent();
    }

    /** Scores of answers. */
    public static SignsReport.Understanding understanding(List<Answered> answered) {
        List<Answered> reading = answered.stream().filter(Answered::isReading).toList();
        List<Answered> other = answered.stream().filter(a -> !a.isReading()).toList();
        Map<Question.Topic, Interval> topics = new EnumMap<>(Question.Topic.class);
        for (Question.Topic topic : Question.Topic.values()) {
            List<Answered> about = other.stream().filter(a -> a.question.topic() == topic).toList();
            if (!about.isEmpty()) {
                topics.put(topic, mean(about, Answered::right));
            }
        }
        return new SignsReport.Understanding(
                mean(reading, a -> a.answer.strip().equals(a.question.answer()) ? 1 : 0),
                mean(reading, Answered::right),
                mean(reading, a -> TextAccuracy.of(a.answer, a.question.answer())),
                mean(other, Answered::right),
                topics);
    }

    /** Answers about one picture are not independent: pictures are what is drawn anew. */
    private static Interval mean(List<Answered> answered, ToDoubleFunction<Answered> score) {
        Map<Scene, List<Answered>> byScene = answered.stream().collect(Collectors.groupingBy(Answered::scene, LinkedHashMap::new, Collectors.toList()));
        return Bootstrap.meanOfGroups(byScene.values().stream().map(scene -> scene.stream().mapToDouble(score).toArray()).toList());
    }

    /** The report of what was evaluated. */
    public SignsReport report(
            Map<Double, SignsReport.Generation> generation,
            Optional<SignsReport.Reconstruction> reconstruction,
            Optional<SignsReport.Understanding> understanding) {
        return new SignsReport(seed, split, count, generation, reconstruction, understanding);
    }

    private static Map<Aspect, Interval> scores(List<Result> results) {
        Map<Aspect, Interval> scores = new EnumMap<>(Aspect.class);
        for (Aspect aspect : Aspect.values()) {
            double[] values = values(results, aspect);
            if (values.length > 0) {
                scores.put(aspect, Bootstrap.mean(values));
            }
        }
        return scores;
    }

    /** The scores of one aspect, of the scenes that have it: for paired comparisons ({@link Bootstrap#difference}) of two models. */
    public static double[] values(List<Result> results, Aspect aspect) {
        return results.stream()
                .flatMap(r -> Stream.ofNullable(r.score.values().get(aspect)))
                .mapToDouble(Double::doubleValue)
                .toArray();
    }

    /** What is done with scenes of one size and their indices. */
    @FunctionalInterface
    private interface Work<R> {
        List<R> on(List<Scene> scenes, List<Integer> indices);
    }

    /** Works on all scenes, those of one size together, and returns the results in the order of the scenes. */
    private <R> List<R> inBatches(Work<R> work) {
        SignsWorld world = world();
        Map<SignsWorld.Size, List<Integer>> bySize = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            Scene scene = world.scene(i);
            bySize.computeIfAbsent(new SignsWorld.Size(scene.height(), scene.width()), _ -> new ArrayList<>()).add(i);
        }
        Map<Integer, R> results = new TreeMap<>();
        for (List<Integer> sameSize : bySize.values()) {
            for (int from = 0; from < sameSize.size(); from += batch) {
                List<Integer> indices = sameSize.subList(from, Math.min(from + batch, sameSize.size()));
                List<R> some = work.on(indices.stream().map(i -> world.scene(i)).toList(), indices);
                for (int i = 0; i < indices.size(); i++) {
                    results.put(indices.get(i), some.get(i));
                }
            }
        }
        return List.copyOf(results.values());
    }

    private static void requireAll(int got, int asked, String what) {
        if (got != asked) {
            throw new IllegalStateException("the model under evaluation gave " + got + " " + what + " for " + asked + " requests");
        }
    }
}
