package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.rl.prompt.Prompt;
import org.xomni.rl.prompt.PromptRecipe;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.text.TextTokenizer;

/** Draws images for prompts, side by side, as the unified model does when it is used. */
public final class RolloutSampler implements AutoCloseable {
    /**
     * The model's own distribution: temperature 1 and no filter. What is drawn with filters and scored without would be a mismatch that the ratio
     * cannot see.
     */
    public static final Sampling UNFILTERED = unfiltered(1);

    private final TextTokenizer text;
    private final Vocabulary vocabulary;
    private final int patch;
    private final int rows;

    /**
     * @param modelFolder configuration and text tokenizer
     * @param rows that are drawn side by side, at most
     */
    public RolloutSampler(Path modelFolder, int rows) {
        ConfigFile json = ConfigFile.read(modelFolder.resolve("config.json"));
        this.text = TextTokenizer.load(modelFolder);
        this.vocabulary = new Vocabulary(UnifiedConfig.of(json), text);
        this.patch = DecoderDefaults.of(json.child("vision_config").child("decoder")).upscaleFactor();
        this.rows = rows;
    }

    /** @throws InputException if a picture of one of these sizes has no whole number of tokens */
    void require(Set<PromptRecipe.Size> sizes) {
        sizes.forEach(size -> size.requireMultipleOf(patch));
    }

    /** The model's distribution at a temperature, which {@link TokenScores} scores at too. */
    static Sampling unfiltered(double temperature) {
        return new Sampling(1, temperature, 0, 1, 0);
    }

    /**
     * Draws an image for each prompt.
     *
     * @param seeds of their random numbers, one for each
     * @param sampling guided or not; {@link #UNFILTERED} for what is trained on
     * @throws InputException if a size is no multiple of the patch, or a prompt is too long for the model
     */
    public List<Rollout> draw(UnifiedModel model, List<Prompt> prompts, long[] seeds, Sampling sampling) {
        List<Rollout> rollouts = new ArrayList<>();
        require(prompts.stream().map(p -> new PromptRecipe.Size(p.height(), p.width())).collect(Collectors.toSet()));
        int together = Math.max(1, sampling.guided() ? rows / 2 : rows);
        for (int from = 0; from < prompts.size(); from += together) {
            int to = Math.min(prompts.size(), from + together);
            rollouts.addAll(sideBySide(model, prompts.subList(from, to), Arrays.copyOfRange(seeds, from, to), sampling));
        }
        return rollouts;
    }

    private List<Rollout> sideBySide(UnifiedModel model, List<Prompt> prompts, long[] seeds, Sampling sampling) {
        List<Row> rows = IntStream.range(0, prompts.size()).mapToObj(i -> row(prompts.get(i), seeds[i])).toList();
        List<int[]> drawn = draw(model, rows, sampling);
        return IntStream.range(0, rows.size())
                .mapToObj(i -> new Rollout(rows.get(i).prompt(), vocabulary.drawn(
                        side(prompts.get(i).height()), side(prompts.get(i).width()), drawn.get(i))))
                .toList();
    }

    /**
     * What a row reads and draws.
     *
     * @param prompt ids
     * @param bare what the unconditional branch reads
     * @param tokens to draw
     */
    @SuppressWarnings("ArrayRecordComponent") // read only
    record Row(int[] prompt, int[] bare, int tokens, long seed) {}

    private Row row(Prompt prompt, long seed) {
        int[] bare = vocabulary.imageHeader(side(prompt.height()), side(prompt.width()));
        int[] ids = IntStream.concat(Arrays.stream(text.encode(prompt.text())), Arrays.stream(bare)).toArray();
        return new Row(ids, bare, side(prompt.height()) * side(prompt.width()), seed);
    }

    /** Draws rows together; the ids of each. */
    static List<int[]> draw(UnifiedModel model, List<Row> rows, Sampling sampling) {
        return Batch.draw(model, rows.stream()
                .map(row -> new Batch.Request(row.prompt(), row.bare(), Head.IMAGE, sampling, row.seed(), Set.of(), Set.of(), row.tokens(), id -> {}))
                .toList());
    }

    private int side(int pixels) {
        return pixels / patch;
    }

    @Override
    public void close() {
        text.close();
    }
}
