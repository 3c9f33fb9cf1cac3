package org.xomni.rl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.xomni.autoregressive.Batch;
import org.xomni.autoregressive.Head;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.Sequence;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.autoregressive.Vocabulary;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.text.TextTokenizer;

/** Draws images for prompts, side by side, as the unified model does when it is used. */
public final class RolloutSampler implements AutoCloseable {
    /**
     * The model's own distribution: temperature 1 and no filter. What is drawn with filters and scored without would be a mismatch that the ratio
     * cannot see.
     */
    public static final Sampling UNFILTERED = new Sampling(1, 1, 0, 1, 0);

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

    /**
     * Draws an image for each prompt.
     *
     * @param seeds of their random numbers, one for each
     * @param sampling guided or not; {@link #UNFILTERED} for what is trained on
     * @throws InputException if a size is no multiple of the patch, or a prompt is too long for the model
     */
    public List<Rollout> draw(UnifiedModel model, List<Prompt> prompts, long[] seeds, Sampling sampling) {
        List<Rollout> rollouts = new ArrayList<>();
        int together = Math.max(1, sampling.guided() ? rows / 2 : rows);
        for (int from = 0; from < prompts.size(); from += together) {
            int to = Math.min(prompts.size(), from + together);
            rollouts.addAll(sideBySide(model, prompts.subList(from, to), Arrays.copyOfRange(seeds, from, to), sampling));
        }
        return rollouts;
    }

    private List<Rollout> sideBySide(UnifiedModel model, List<Prompt> prompts, long[] seeds, Sampling sampling) {
        List<int[]> read = prompts.stream().map(this::ids).toList();
        int longest = IntStream.range(0, prompts.size()).map(i -> read.get(i).length + tokens(prompts.get(i))).max().orElse(1);
        try (Batch batch = new Batch(model, prompts.size() * (sampling.guided() ? 2 : 1), longest)) {
            List<Sequence> drawn = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                Prompt prompt = prompts.get(i);
                int[] bare = vocabulary.imageHeader(side(prompt.height()), side(prompt.width()));
                drawn.add(batch.join(new Batch.Request(
                        read.get(i), bare, Head.IMAGE, sampling, seeds[i], Set.of(), Set.of(), tokens(prompt), id -> {})));
            }
            boolean more = true;
            while (more) {
                more = batch.step();
            }
            return IntStream.range(0, prompts.size())
                    .mapToObj(i -> new Rollout(read.get(i), vocabulary.drawn(
                            side(prompts.get(i).height()), side(prompts.get(i).width()), drawn.get(i).drawn())))
                    .toList();
        }
    }

    /** The prompt and {@code <SOM>h w<IMAGE>}. */
    private int[] ids(Prompt prompt) {
        int[] header = vocabulary.imageHeader(side(prompt.height()), side(prompt.width()));
        return IntStream.concat(Arrays.stream(text.encode(prompt.text())), Arrays.stream(header)).toArray();
    }

    private int tokens(Prompt prompt) {
        return side(prompt.height()) * side(prompt.width());
    }

    private int side(int pixels) {
        if (pixels % patch != 0) {
            throw new InputException("a side of " + pixels + " pixels is no multiple of " + patch + "; change the sizes of the prompts");
        }
        return pixels / patch;
    }

    @Override
    public void close() {
        text.close();
    }
}
