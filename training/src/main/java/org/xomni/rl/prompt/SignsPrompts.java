package org.xomni.rl.prompt;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.xomni.data.Seeds;
import org.xomni.data.signs.Captions;
import org.xomni.data.signs.Scene;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.tensor.InputException;

/**
 * Prompts of the signs world, in buckets: prompt {@code i} is of bucket {@code i mod n}. Each says all that there is in its scene, so that everything can be
 * judged.
 *
 * @param world whose scenes they are
 * @param buckets ranges of text length; {@link Bucket#NO_TEXT} for natural scenes
 * @param shapes the fewest that a scene has
 */
public record SignsPrompts(SignsWorld world, List<Bucket> buckets, int shapes) implements PromptSource {
    /** Scenes that are looked at for one prompt; the rarest lengths come once in some thousand. */
    private static final int MOST_TRIES = 30_000;

    /**
     * A range of lengths.
     *
     * @param least characters of the text, its spaces included
     * @param most characters
     */
    public record Bucket(int least, int most) {
        /** Scenes without text. */
        public static final Bucket NO_TEXT = new Bucket(0, 0);

        public Bucket {
            if (least < 0 || most < least) {
                throw new InputException("a bucket of " + least + " to " + most + " characters is none; lengths must rise");
            }
        }

        boolean holds(Scene scene) {
            int length = scene.text().map(t -> t.joined().length()).orElse(0);
            return length >= least && length <= most;
        }
    }

    public SignsPrompts {
        buckets = List.copyOf(buckets);
        if (buckets.isEmpty()) {
            throw new InputException("there is no bucket of text lengths; give at least one");
        }
        if (shapes < 0) {
            throw new InputException("shapes " + shapes + " must be at least 0");
        }
    }

    /**
     * Buckets that end at these lengths; each begins after the one before.
     *
     * @param shortest text of the first
     * @param ends in rising order
     */
    public static List<Bucket> from(int shortest, List<Integer> ends) {
        List<Bucket> buckets = new ArrayList<>();
        int least = shortest;
        for (int end : ends) {
            buckets.add(new Bucket(least, end));
            least = end + 1;
        }
        return buckets;
    }

    /** The world's scenes of a split, drawn on request only. */
    public static SignsWorld world(long seed, Split split, List<SignsWorld.Size> sizes) {
        return new SignsWorld(seed, split, SignsWorld.Tasks.GENERATION, sizes);
    }

    @Override
    public Prompt prompt(long index) {
        Bucket bucket = buckets.get((int) (index % buckets.size()));
        for (int attempt = 0; attempt < MOST_TRIES; attempt++) {
            Scene scene = world.scene(Seeds.mix(index, attempt) >>> 1);
            if (bucket.holds(scene) && scene.shapes().size() >= shapes) {
                String text = Captions.complete(scene, new SplittableRandom(Seeds.mix(world.seed(), world.split().ordinal(), index)));
                return new Prompt(text, scene.height(), scene.width(), Optional.of(lines(scene)).filter(t -> !t.isEmpty()), Optional.of(scene));
            }
        }
        throw new InputException("no sign of the sizes " + world.sizes() + " has " + bucket.least() + " to " + bucket.most()
                + " characters and at least " + shapes + " shapes; change the buckets, ask for fewer shapes or give larger sizes");
    }

    private static String lines(Scene scene) {
        return scene.text().map(t -> String.join("\n", t.lines())).orElse("");
    }
}
