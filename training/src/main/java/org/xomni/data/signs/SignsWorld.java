package org.xomni.data.signs;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.Seeds;
import org.xomni.tensor.InputException;

/**
 * The endless source of samples: sample {@code i} of a seed is always the same, on any thread, in any order.
 *
 * @param seed numbers the world
 * @param split what may occur
 * @param level how much of that does
 * @param tasks how often each task comes
 * @param sizes the sizes of pictures, each as often as it is listed
 */
public record SignsWorld(long seed, Split split, Level level, Tasks tasks, List<Size> sizes) implements SampleSource {
    /** Half are square, a quarter each wide and tall. */
    public static final List<Size> SIZES = List.of(new Size(128, 128), new Size(128, 128), new Size(96, 160), new Size(160, 96));

    private static final int SPELLINGS = 4;
    private static final int MIN_SIDE = 96;
    private static final int MAX_SIDE = 512;

    /** A picture's size in pixels. */
    public record Size(int height, int width) {
        public Size {
            if (Math.min(height, width) < MIN_SIDE || Math.max(height, width) > MAX_SIDE
                    || height % Scene.CELL != 0 || width % Scene.CELL != 0) {
                throw new InputException("a sign cannot have " + height + "x" + width + " pixels; choose multiples of " + Scene.CELL
                        + " from " + MIN_SIDE + " to " + MAX_SIDE);
            }
        }
    }

    /**
     * How often each task comes, by weight.
     *
     * @param generation a raw prompt and its picture
     * @param reading the user shows a sign and asks what it says
     * @param questions the user shows a picture and asks one to four things about it
     * @param description the user shows a picture and asks for all that it shows
     * @param drawing the user asks for a picture and the assistant draws it
     * @param spelling the user writes words and the assistant repeats them; no picture: a first lesson in copying
     */
    public record Tasks(
            double generation, double reading, double questions, double description, double drawing, double spelling) {
        /** Raw prompts only. */
        public static final Tasks GENERATION = new Tasks(1, 0, 0, 0, 0);
        /** Everything about pictures that are shown. */
        public static final Tasks UNDERSTANDING = new Tasks(0, 2, 2, 1, 0);

        /** Without spelling. */
        public Tasks(double generation, double reading, double questions, double description, double drawing) {
            this(generation, reading, questions, description, drawing, 0);
        }

        public Tasks {
            for (double weight : new double[] {generation, reading, questions, description, drawing, spelling}) {
                if (!(weight >= 0) || Double.isInfinite(weight)) {
                    throw new InputException("the weight of a task cannot be " + weight + "; give a number of at least 0");
                }
            }
            if (generation + reading + questions + description + drawing + spelling == 0) {
                throw new InputException("all tasks of the signs world have the weight 0; give one of them a larger one");
            }
        }

        private double total() {
            return generation + reading + questions + description + drawing + spelling;
        }
    }

    public SignsWorld {
        sizes = List.copyOf(sizes);
        if (sizes.isEmpty()) {
            throw new InputException("the signs world needs at least one size, such as 128x128");
        }
    }

    /** The whole world. */
    public SignsWorld(long seed, Split split, Tasks tasks, List<Size> sizes) {
        this(seed, split, Level.FULL, tasks, sizes);
    }

    /** The whole world with all sizes. */
    public SignsWorld(long seed, Split split, Tasks tasks) {
        this(seed, split, tasks, SIZES);
    }

    /** The same world in one size, for batches. */
    public SignsWorld withSize(int height, int width) {
        return new SignsWorld(seed, split, level, tasks, List.of(new Size(height, width)));
    }

    /** The same world with other tasks; its scenes stay. */
    public SignsWorld withTasks(Tasks other) {
        return new SignsWorld(seed, split, level, other, sizes);
    }

    /** What the picture of a sample shows. */
    public Scene scene(long index) {
        SplittableRandom random = random(index, 0);
        Size size = sizes.get(random.nextInt(sizes.size()));
        while (true) {
            Scene scene = Scenes.random(split, size.height, size.width, random);
            if (level.admits(scene)) {
                return scene;
            }
        }
    }

    @Override
    public Sample sample(long index) {
        Scene scene = scene(index);
        SplittableRandom random = random(index, 1);
        String key = "signs/" + seed + "/" + split.name().toLowerCase(Locale.ROOT) + "/" + index;
        Picture picture = new Picture.Raw(Painter.paint(scene));
        double at = random.nextDouble(tasks.total());
        if ((at -= tasks.spelling) < 0) {
            return spelling(key, scene, random);
        }
        if ((at -= tasks.generation) < 0) {
            // Prompts that are scored say everything.
            String prompt = split == Split.TRAIN ? Captions.any(scene, random) : Captions.complete(scene, random);
            return new Sample.Generation(key, prompt, picture);
        }
        if ((at -= tasks.reading) < 0 && scene.text().isPresent()) {
            return dialogue(key, picture, List.of(Questions.reading(scene, random)));
        }
        if ((at -= tasks.questions) < 0) {
            return dialogue(key, picture, Questions.some(scene, 1 + random.nextInt(4), random));
        }
        if ((at -= tasks.description) < 0) {
            return dialogue(key, picture, List.of(Questions.describe(scene, random)));
        }
        return new Sample.Dialogue(key, List.of(
                Sample.Turn.of(Sample.Role.USER, Captions.request(scene, random)),
                new Sample.Turn(Sample.Role.ASSISTANT, List.of(new Sample.Part.Shown(picture)))));
    }

    private Sample spelling(String key, Scene scene, SplittableRandom random) {
        List<Sample.Turn> turns = new ArrayList<>();
        for (int i = 0; i < SPELLINGS; i++) {
            String words = String.join(" ", Words.lines(split.words(), scene.width() / Scene.CELL, Scene.MAX_LINES, random));
            turns.add(Sample.Turn.of(Sample.Role.USER, Questions.WORDING.say("spelling", Map.of("text", words), random)));
            turns.add(Sample.Turn.of(Sample.Role.ASSISTANT, words));
        }
        return new Sample.Dialogue(key, turns);
    }

    /** The picture stands before the first question. */
    private static Sample dialogue(String key, Picture picture, List<Question> questions) {
        List<Sample.Turn> turns = new ArrayList<>();
        for (Question q : questions) {
            List<Sample.Part> parts = new ArrayList<>();
            if (turns.isEmpty()) {
                parts.add(new Sample.Part.Shown(picture));
            }
            parts.add(new Sample.Part.Said(q.question()));
            turns.add(new Sample.Turn(Sample.Role.USER, parts));
            turns.add(Sample.Turn.of(Sample.Role.ASSISTANT, q.answer()));
        }
        return new Sample.Dialogue(key, turns);
    }

    /** Streams of random numbers that differ by seed, split, index and purpose. */
    private SplittableRandom random(long index, int purpose) {
        return new SplittableRandom(Seeds.mix(seed, split.ordinal(), index, purpose));
    }
}
