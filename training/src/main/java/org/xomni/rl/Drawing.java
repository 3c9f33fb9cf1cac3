package org.xomni.rl;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.xomni.autoregressive.Sampling;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.image.Pixels;
import org.xomni.rl.Phases.Phase;
import org.xomni.rl.prompt.Prompt;
import org.xomni.tensor.Team;
import org.xomni.train.Workers;

/** Draws images for prompts and paints them: each of several threads takes a share of the prompts from the first token to the last pixel. */
public final class Drawing implements AutoCloseable {
    private final RolloutSampler sampler;
    private final TokenPainter painter;
    private final Workers workers;

    /**
     * What became of prompts, one of each for every prompt.
     *
     * @param rollouts the tokens
     * @param pictures the pixels
     */
    record Drawings(List<Rollout> rollouts, List<Pixels> pictures) {}

    /**
     * Draws by parts that stay the caller's.
     *
     * @param threads that draw, each by itself; 1 is the caller's own, with all of libtorch's threads
     */
    public Drawing(RolloutSampler sampler, TokenPainter painter, int threads) {
        this.sampler = sampler;
        this.painter = painter;
        this.workers = new Workers(threads);
    }

    /**
     * What is to be drawn.
     *
     * @param seeds of the tokens, one for each prompt
     * @param noise seeds of the decoder's noise, one for each prompt
     * @param group so many prompts after each other are the same and go to the same thread
     */
    @SuppressWarnings("ArrayRecordComponent") // read only
    record Order(List<Prompt> prompts, long[] seeds, long[] noise, Sampling sampling, int group) {
        Order share(int part, int parts) {
            int from = Team.from(part, parts, prompts.size(), group);
            int to = Team.from(part + 1, parts, prompts.size(), group);
            return new Order(prompts.subList(from, to), Arrays.copyOfRange(seeds, from, to), Arrays.copyOfRange(noise, from, to), sampling, group);
        }
    }

    /**
     * Draws and paints.
     *
     * @param phases receives the time of rollouts and of decoding: that of the whole, shared as threads spend theirs, as each goes from one to the other by itself
     */
    Drawings draw(UnifiedModel model, Order order, Phases phases) {
        long start = System.nanoTime();
        List<Share> shares = workers.each(part -> share(model, order.share(part, workers.count())));
        double whole = (System.nanoTime() - start) / 1e9;
        double all = shares.stream().mapToDouble(share -> share.phases().seconds(Phase.ROLLOUT) + share.phases().seconds(Phase.DECODE)).sum();
        shares.forEach(share -> phases.add(share.phases(), whole / all));
        return new Drawings(all(shares, Drawings::rollouts), all(shares, Drawings::pictures));
    }

    /** The threads that draw. */
    Workers workers() {
        return workers;
    }

    /** What a thread has done, and how long it took. */
    private record Share(Drawings drawings, Phases phases) {}

    private Share share(UnifiedModel model, Order order) {
        Phases phases = new Phases();
        List<Rollout> rollouts = phases.time(Phase.ROLLOUT, () -> sampler.draw(model, order.prompts(), order.seeds(), order.sampling()));
        return new Share(new Drawings(rollouts, phases.time(Phase.DECODE, () -> painter.paint(order.prompts(), rollouts, order.noise()))), phases);
    }

    private static <T> List<T> all(List<Share> shares, Function<Drawings, List<T>> part) {
        return shares.stream().flatMap(share -> part.apply(share.drawings()).stream()).toList();
    }

    @Override
    public void close() {
        workers.close();
    }
}
