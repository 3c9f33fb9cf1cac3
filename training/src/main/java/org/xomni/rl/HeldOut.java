package org.xomni.rl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.Seeds;
import org.xomni.eval.CodebookUsage;
import org.xomni.eval.SeenSign;
import org.xomni.eval.SignsScorer;
import org.xomni.image.ContactSheet;
import org.xomni.ocr.TextAccuracy;
import org.xomni.ocr.TextReader;
import org.xomni.rl.prompt.Prompt;
import org.xomni.rl.prompt.PromptSource;
import org.xomni.rl.reward.Drawn;
import org.xomni.rl.reward.Rewards;
import org.xomni.tensor.InputException;
import org.xomni.tensor.XOmniException;

/**
 * A fixed set of prompts that are not trained on, drawn from the same random numbers each time. Beside the reward it measures what is not rewarded, so that
 * a reward that is gamed shows: exact text and every other aspect of signs, and how many codes are in use. It looks at the policy as it is; what is exported are
 * averages of its weights.
 */
public final class HeldOut implements AutoCloseable {
    private static final String PREFIX = "held_out_";
    private static final int COLUMNS = 8;
    /** Seeds of its own. */
    private static final long EVALUATION = 0x6576616C;

    private final List<Prompt> prompts;
    private final long every;
    private final boolean keepsModels;
    private final int shown;
    private final long seed;
    private final Drawing drawing;
    private final Rewards rewards;
    private final TextReader reader;
    private final SignsScorer scorer;

    /**
     * What a recipe says about it.
     *
     * @param count of prompts
     * @param every so many steps it is looked at, and before the first and after the last
     * @param shown of the first of them go on a sheet
     * @param keepsModels whether the averaged weights of that time are kept in {@code RUN/models}
     */
    public record Settings(int count, long every, int shown, boolean keepsModels) {
        public Settings {
            if (count < 1 || every < 1 || shown < 0) {
                throw new InputException("count " + count + " and every " + every + " must be at least 1, shown " + shown + " at least 0");
            }
        }
    }

    /** A set over parts that stay the caller's. */
    public HeldOut(PromptSource prompts, Settings settings, long seed, Drawing drawing, Rewards rewards) {
        this.prompts = IntStream.range(0, settings.count()).mapToObj(prompts::prompt).toList();
        this.every = settings.every();
        this.keepsModels = settings.keepsModels();
        this.shown = settings.shown();
        this.seed = seed;
        this.drawing = drawing;
        this.rewards = rewards;
        this.reader = new TextReader();
        this.scorer = new SignsScorer(reader);
    }

    long every() {
        return every;
    }

    boolean keepsModels() {
        return keepsModels;
    }

    /** The prompts. */
    public List<Prompt> prompts() {
        return prompts;
    }

    /**
     * Draws all prompts once.
     *
     * @param sample the how-manieth drawing of each prompt, from 0
     */
    public List<Drawn> drawn(UnifiedModel model, Sampling sampling, int sample) {
        long[] seeds = LongStream.range(0, prompts.size()).map(i -> Seeds.mix(EVALUATION, seed, i, sample)).toArray();
        return GrpoLoop.judged(prompts, drawing.draw(model, new Drawing.Order(prompts, seeds, seeds, sampling, 1), new Phases()));
    }

    /** What pictures of the prompts are worth, nothing being scaled within groups. */
    double[] rewards(List<Drawn> drawn) {
        return rewards.score(drawn, 1).absolute();
    }

    /** 1 - normalised edit distance of the text in a picture; NaN where the prompt asks for none. */
    public double textAccuracy(Drawn drawn) {
        return drawn.prompt().written().map(asked -> TextAccuracy.of(read(drawn), asked)).orElse(Double.NaN);
    }

    private String read(Drawn drawn) {
        return reader.text(drawn.prompt().scene().map(s -> new SeenSign(drawn.picture(), s).withoutShapes()).orElse(drawn.picture()));
    }

    /** Measures, and writes a sheet; names begin with {@code held_out_}. */
    Map<String, Double> evaluate(UnifiedModel model, long step, Path run) {
        List<Drawn> pictures = drawn(model, RolloutSampler.UNFILTERED, 0);
        double[] total = rewards(pictures);
        Map<String, List<Double>> values = new LinkedHashMap<>();
        values.put("reward", Arrays.stream(total).boxed().toList());
        for (Drawn drawn : pictures) {
            measure(drawn).forEach((name, value) -> values.computeIfAbsent(name, n -> new ArrayList<>()).add(value));
        }
        values.put("codes_perplexity", List.of(CodebookUsage.of(pictures.stream().map(Drawn::tokens).toList()).perplexity()));
        if (shown > 0) {
            sheet(run, step, pictures, total);
        }
        Map<String, Double> means = new LinkedHashMap<>();
        values.forEach((name, all) -> means.put(PREFIX + name, all.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN)));
        return means;
    }

    /** The same prompts at each step, each with its reward. */
    private void sheet(Path run, long step, List<Drawn> pictures, double[] total) {
        List<Drawn> first = pictures.subList(0, Math.min(shown, pictures.size()));
        Path sheets = run.resolve("sheets");
        try {
            Files.createDirectories(sheets);
        } catch (IOException e) {
            throw new XOmniException(sheets + " cannot be made (" + e + "); fix permissions, then continue with --resume", e);
        }
        ContactSheet.write(
                sheets.resolve("step-%09d.png".formatted(step)),
                first.stream().map(Drawn::picture).toList(),
                IntStream.range(0, first.size())
                        .mapToObj(i -> String.format(Locale.ROOT, "%.3f %s", total[i], first.get(i).prompt().text()))
                        .toList(),
                COLUMNS);
    }

    private Map<String, Double> measure(Drawn drawn) {
        Map<String, Double> measured = new LinkedHashMap<>();
        if (drawn.prompt().scene().isPresent()) {
            scorer.score(drawn.picture(), drawn.prompt().scene().get()).values()
                    .forEach((aspect, value) -> measured.put(aspect.name().toLowerCase(Locale.ROOT), value));
        } else if (drawn.prompt().written().isPresent()) {
            String read = read(drawn);
            measured.put("text_accuracy", TextAccuracy.of(read, drawn.prompt().written().get()));
            measured.put("text_exact", TextAccuracy.exact(read, drawn.prompt().written().get()) ? 1.0 : 0.0);
        }
        return measured;
    }

    @Override
    public void close() {
        reader.close();
    }
}
