package org.xomni.autoregressive;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.tensor.Engine;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Team;

/**
 * Rows that decode together. They join and leave between steps; each has its own length, sampler settings and random numbers, so that what a
 * row draws does not depend on its company beyond the rounding of the arithmetic. Weights are those at its making: when they have changed, make another.
 *
 * <p>Used by one thread at a time.
 */
public final class Batch implements AutoCloseable {
    private final UnifiedModel model;
    private final int slots;
    private final boolean deterministic;
    private final KvCache cache;
    private final Crew all;
    private final Crew fewer;
    /** Who took the last step. */
    private Crew last;
    private final TorchDecodeStep torch;
    private final KvCache.@Nullable Slot padding;
    private final List<Sequence> live = new ArrayList<>();

    /**
     * Threads that take steps.
     *
     * @param host our own kernels on these threads, or null where only libtorch can do it
     */
    private record Crew(Team team, @Nullable HostDecodeStep host) {
        Crew by(Team others) {
            return new Crew(others, host == null ? null : host.by(others));
        }

        void close() {
            team.close();
            if (host != null) {
                host.close();
            }
        }
    }

    /**
     * @param slots the most rows at once; a guided row takes two
     * @param capacity the most positions of a row, at most the model's
     */
    public Batch(UnifiedModel model, int slots, int capacity) {
        this(model, slots, capacity, false);
    }

    /**
     * @param slots the most rows at once; a guided row takes two
     * @param capacity the most positions of a row, at most the model's
     * @param deterministic whether a row draws the same bits whatever its company: by our own kernels, or by
     *     libtorch one row after the other; on a GPU every step is padded to {@code slots} rows, as kernels round differently at different sizes
     */
    public Batch(UnifiedModel model, int slots, int capacity, boolean deterministic) {
        this(model, slots, capacity, deterministic, true);
    }

    Batch(UnifiedModel model, int slots, int capacity, boolean deterministic, boolean ownKernels) {
        this.model = model;
        this.slots = slots;
        this.deterministic = deterministic;
        boolean pads = deterministic && !model.numerics().onCpu();
        this.cache = new KvCache(model, pads ? slots + 1 : slots, capacity);
        this.padding = pads ? cache.acquire() : null;
        Team team = new Team(Engine.threads());
        this.all = new Crew(team, ownKernels ? HostDecodeStep.of(model, cache, team) : null);
        this.fewer = team.size() > 1 ? all.by(new Team(team.size() - 1)) : all;
        this.last = all;
        // Side by side the longest row decides how many positions all rows look at, and so how sums are rounded.
        this.torch = new TorchDecodeStep(model, !model.numerics().onCpu() && !deterministic);
    }

    /** How many slots nobody holds. */
    public int free() {
        return cache.free();
    }

    /** Positions that a row can hold. */
    public int capacity() {
        return cache.capacity();
    }

    /** An empty slot, for a conversation that outlives its turns. */
    public KvCache.Slot acquire() {
        return cache.acquire();
    }

    /**
     * What a row reads and how it draws.
     *
     * @param prompt ids to read, at least one
     * @param unconditionalPrompt what the unconditional branch reads, ending in the same id; needed when {@code sampling} is guided
     * @param head what it writes
     * @param seed of its random numbers
     * @param suppressed ids never drawn
     * @param stop ids that end the row
     * @param limit the most tokens to draw
     * @param listener hears every token drawn
     */
    @SuppressWarnings("ArrayRecordComponent")
    public record Request(
            int[] prompt,
            int @Nullable [] unconditionalPrompt,
            Head head,
            Sampling sampling,
            long seed,
            Set<Integer> suppressed,
            Set<Integer> stop,
            int limit,
            IntConsumer listener) {}

    /**
     * Draws rows side by side to their ends, in a batch of their own.
     *
     * @return the ids of each
     * @throws InputException if one exceeds the context
     */
    public static List<int[]> draw(UnifiedModel model, List<Request> requests) {
        int slots = requests.stream().mapToInt(r -> r.sampling().guided() ? 2 : 1).sum();
        int longest = requests.stream().mapToInt(r -> r.prompt().length + r.limit()).max().orElse(1);
        try (Batch batch = new Batch(model, slots, longest)) {
            List<Sequence> rows = requests.stream().map(batch::join).toList();
            boolean more = true;
            while (more) {
                more = batch.step();
            }
            return rows.stream().map(Sequence::drawn).toList();
        }
    }

    /**
     * Adds a row that starts from nothing.
     *
     * @throws InputException if prompt and limit exceed the context, or all slots are taken
     */
    public Sequence join(Request request) {
        KvCache.Slot slot = cache.acquire();
        try {
            return join(slot, true, request);
        } catch (RuntimeException | Error e) {
            slot.close();
            throw e;
        }
    }

    /** Adds a row that goes on after what {@code slot} has read; the slot stays the caller's. */
    public Sequence join(KvCache.Slot slot, Request request) {
        return join(slot, false, request);
    }

    private Sequence join(KvCache.Slot slot, boolean ownsSlot, Request request) {
        int[] prompt = request.prompt();
        if (prompt.length == 0) {
            throw new InputException("the prompt is empty; write something");
        }
        requireRoom(slot.length() + prompt.length, request.limit());
        KvCache.Slot unconditional = request.sampling().guided() ? unconditional(request) : null;
        try {
            read(slot, allButLast(prompt));
            Sampler sampler = new Sampler(request.sampling(), model.config(), request.suppressed(), request.seed());
            Sequence row = new Sequence(
                    slot, ownsSlot, unconditional, prompt[prompt.length - 1], request.head(), sampler, request.stop(), request.limit(), request.listener());
            live.add(row);
            return row;
        } catch (RuntimeException | Error e) {
            if (unconditional != null) {
                unconditional.close();
            }
            throw e;
        }
    }

    private KvCache.Slot unconditional(Request request) {
        int[] prompt = request.prompt();
        int[] bare = request.unconditionalPrompt();
        if (bare == null || bare.length == 0 || bare[bare.length - 1] != prompt[prompt.length - 1]) {
            throw new IllegalArgumentException("guidance needs an unconditional prompt that ends as the prompt does");
        }
        KvCache.Slot slot = cache.acquire();
        try {
            read(slot, allButLast(bare));
        } catch (RuntimeException | Error e) {
            slot.close();
            throw e;
        }
        return slot;
    }

    /** Reads ids; where a row that lives began with the same ones, what it has read is copied: the same bits for less. */
    private void read(KvCache.Slot slot, int[] ids) {
        if (slot.length() > 0) {
            prefill(slot, ids);
            return;
        }
        Optional<KvCache.Slot> same = live.stream()
                .flatMap(row -> Stream.of(Optional.of(row.conditional()), Optional.ofNullable(row.unconditional())))
                .flatMap(Optional::stream)
                .filter(other -> other.beginsWith(ids))
                .findFirst();
        if (same.isPresent()) {
            slot.copyFrom(same.get(), ids.length);
        } else {
            prefill(slot, ids);
        }
        slot.begunWith(ids);
    }

    private void prefill(KvCache.Slot slot, int[] ids) {
        HostDecodeStep host = last.host();
        if (host != null && host.reads(ids.length)) {
            slot.require(ids.length);
            host.read(slot, ids);
        } else {
            model.prefill(slot, ids);
        }
    }

    /** The last token drawn is never read, so a row may fill the context to the last position. */
    private void requireRoom(int prompt, int limit) {
        if (prompt + (long) limit - 1 > cache.capacity()) {
            throw new InputException("the prompt has " + prompt + " tokens and up to " + limit + " are to follow, but the context holds "
                    + cache.capacity() + "; shorten the prompt, lower --max-tokens or draw a smaller image");
        }
    }

    private static int[] allButLast(int[] ids) {
        return Arrays.copyOf(ids, ids.length - 1);
    }

    /**
     * One token for every row; rows that are done leave.
     *
     * @return whether rows are left
     */
    public boolean step() {
        return step(all);
    }

    /** The same, to the bit, with a core left to other work: threads that wait for a core hold up the others. */
    public boolean stepBesideOthers() {
        return step(fewer);
    }

    private boolean step(Crew crew) {
        last = crew;
        dismiss();
        if (live.isEmpty()) {
            return false;
        }
        List<DecodeStep.Row> rows = new ArrayList<>();
        for (Sequence s : live) {
            rows.add(new DecodeStep.Row(s.conditional(), s.next(), s.head()));
            if (s.unconditional() != null) {
                rows.add(new DecodeStep.Row(s.unconditional(), s.next(), s.head()));
            }
        }
        int[] ids = draw(score(rows, crew.host()), crew.team());
        for (int i = 0; i < ids.length; i++) {
            live.get(i).accept(ids[i]);
        }
        dismiss();
        return !live.isEmpty();
    }

    /** What each live row draws from its scores. */
    private int[] draw(List<float[]> scores, Team team) {
        int[] at = new int[live.size()];
        for (int i = 1; i < at.length; i++) {
            at[i] = at[i - 1] + (live.get(i - 1).unconditional() != null ? 2 : 1);
        }
        int[] ids = new int[live.size()];
        team.run(part -> {
            for (int i = part; i < ids.length; i += team.size()) {
                Sequence s = live.get(i);
                ids[i] = s.draw(scores.get(at[i]), s.unconditional() != null ? scores.get(at[i] + 1) : null);
            }
        });
        return ids;
    }

    private List<float[]> score(List<DecodeStep.Row> rows, @Nullable HostDecodeStep host) {
        List<float[]> scores = new ArrayList<>();
        if (host != null && (deterministic || host.takes(rows.size()))) {
            for (int from = 0; from < rows.size(); from += host.mostRows()) {
                scores.addAll(host.run(rows.subList(from, Math.min(rows.size(), from + host.mostRows()))));
            }
            return scores;
        }
        if (!deterministic) {
            return torch.run(rows);
        }
        if (padding == null) {
            // Products of several rows round some of them differently, by their place among them (AVX2).
            rows.forEach(row -> scores.addAll(torch.run(List.of(row))));
            return scores;
        }
        List<DecodeStep.Row> padded = new ArrayList<>(rows);
        while (padded.size() < slots) {
            padded.add(new DecodeStep.Row(padding, 0, rows.getFirst().head()));
        }
        scores.addAll(torch.run(padded).subList(0, rows.size()));
        padding.rewind(0);
        return scores;
    }

    private void dismiss() {
        live.stream().filter(Sequence::done).toList().forEach(this::leave);
    }

    /** Takes a row out, whether it is done or not. What it has drawn stays readable. */
    public void leave(Sequence row) {
        live.remove(row);
        row.close();
    }

    @Override
    public void close() {
        live.forEach(Sequence::close);
        if (fewer != all) {
            fewer.close();
        }
        all.close();
        torch.close();
        cache.close();
    }
}
