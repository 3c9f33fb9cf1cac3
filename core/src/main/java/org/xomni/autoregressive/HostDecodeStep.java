package org.xomni.autoregressive;

// Shapes: B rows, D width, H query heads, G key-value heads, K head width, F MLP width, T positions of a slot, V scores of a head.

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Embedding;
import org.xomni.nn.host.HostAttention;
import org.xomni.nn.host.HostElementwise;
import org.xomni.nn.host.HostKernels;
import org.xomni.nn.host.HostMatrix;
import org.xomni.nn.host.HostSwiGlu;
import org.xomni.nn.host.HostVector;
import org.xomni.nn.host.Portions;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;

/**
 * A step on the CPU with kernels of our own, over the weights as they are when it is made and the same cache: what {@link TransformerBlock} says, row by row, without
 * an operator call. Activations are fp32 between products ({@link HostMatrix} says what products round), and a row's result does not depend on its company, to the bit.
 *
 * <p>Few rows: all threads work on all of them, each on its {@link Portions} of every matrix; what one writes and another reads has a barrier in between.
 * Normalised vectors are cheap and computed by each thread for itself. Many rows, where one pass over the weights serves many: each thread takes
 * rows of its own through the whole step and meets nobody.
 */
final class HostDecodeStep implements DecodeStep {
    /** So many rows for each thread, and it takes its own (docs/log.md, 2026-11-28). */
    private static final int ROWS_EACH = 4;
    /** Of a block: query, key, value, output, gate and up together, down. */
    private static final int PRODUCTS = 6;
    /** Ids of a prompt that are read together. */
    private static final int READ_TOGETHER = 64;
    /** Ids up to which libtorch is slower where vectors are rounded like bf16 weights (docs/log.md, 2026-11-30). */
    private static final int LONGEST_READ = 512;
    /** The same where vectors are split into bytes. */
    private static final int LONGEST_INT8_READ = 256;

    private final UnifiedModel model;
    private final UnifiedConfig config;
    private final Team team;
    private final Weights weights;
    private final boolean ownsWeights;
    private final MemorySegment cos_TK;
    private final MemorySegment sin_TK;
    private final boolean bf16Cache;
    private final HostScratch.Room common;
    private final Portions portions;
    private final List<HostScratch.Room> own;
    private final Portions whole;

    /** One {@link TransformerBlock} as the kernels read it. */
    private record Block(
            int layer,
            boolean visionSpecific,
            float[] inputNorm,
            HostMatrix query,
            HostMatrix key,
            HostMatrix value,
            HostMatrix output,
            float[] postAttentionNorm,
            HostMatrix gate,
            HostMatrix up,
            HostMatrix down) {

        static Block of(TransformerBlock b, Arena arena) {
            return new Block(
                    b.layer(),
                    b.visionSpecific(),
                    Tensors.floats(b.inputNorm().weight()),
                    HostMatrix.of(b.query(), arena),
                    HostMatrix.of(b.key(), arena),
                    HostMatrix.of(b.value(), arena),
                    HostMatrix.of(b.output(), arena),
                    Tensors.floats(b.postAttentionNorm().weight()),
                    HostMatrix.of(b.gate(), arena),
                    HostMatrix.of(b.up(), arena),
                    HostMatrix.of(b.down(), arena));
        }
    }

    /**
     * What the kernels read of a model.
     *
     * @param arena has copies of it
     */
    private record Weights(List<Block> blocks, float[] textNorm, float[] mmNorm, HostMatrix textHead, HostMatrix imageHead, Arena arena) {
        static Weights of(UnifiedModel model) {
            Arena arena = Arena.ofShared();
            return new Weights(
                    model.blocks().stream().map(block -> Block.of(block, arena)).toList(),
                    Tensors.floats(model.textNorm().weight()),
                    Tensors.floats(model.mmNorm().weight()),
                    HostMatrix.of(model.head(Head.TEXT), arena),
                    HostMatrix.of(model.head(Head.IMAGE), arena),
                    arena);
        }
    }

    /**
     * What one thread does of a step.
     *
     * @param part its number among those that work on these rows together
     * @param parts how many these are
     * @param sequence whether rows stand one after the other in the same slot, each for the next ones to see; else each has a slot of its own
     */
    private record Share(int part, int parts, List<Row> rows, boolean sequence, HostScratch scratch, Portions portions) {
        int position(int b) {
            return rows.get(b).slot().length() + (sequence ? b : 0);
        }
    }

    private HostDecodeStep(UnifiedModel model, boolean bf16Cache, Team team, Weights weights, boolean ownsWeights) {
        this.model = model;
        this.config = model.config();
        this.team = team;
        this.weights = weights;
        this.ownsWeights = ownsWeights;
        this.cos_TK = Tensors.segment(model.rope().cos());
        this.sin_TK = Tensors.segment(model.rope().sin());
        this.bf16Cache = bf16Cache;
        this.common = new HostScratch.Room(config, team.size());
        this.portions = new Portions(team.size(), PRODUCTS * weights.blocks().size() + Head.values().length);
        this.whole = new Portions(1, 0);
        this.own = Stream.generate(() -> new HostScratch.Room(config, 1)).limit(team.size()).toList();
    }

    /** The step for a model and its cache, or null where only libtorch can do it: on a GPU, with adapters, or without the JVM's vector module. */
    static @Nullable HostDecodeStep of(UnifiedModel model, KvCache cache, Team team) {
        boolean can = model.numerics().onCpu() && HostKernels.available() && !model.hasAdapters();
        return can ? new HostDecodeStep(model, HostAttention.isBfloat16(cache.keys(0)), team, Weights.of(model), true) : null;
    }

    /** The same step by other threads, to be used as long as this one is open. */
    HostDecodeStep by(Team others) {
        return new HostDecodeStep(model, bf16Cache, others, weights, false);
    }

    /** Rows that are stepped together. */
    int mostRows() {
        return weights.imageHead().mostVectors();
    }

    /** Whether libtorch is not faster with so many rows: where weights have short rows, or meet vectors as bytes, it was not with any number (docs/log.md, 2026-11-30). */
    boolean takes(int rows) {
        return rows <= mostRows() || weights.imageHead().isShort() || weights.imageHead().splits();
    }

    @Override
    public List<float[]> run(List<Row> rows) {
        boolean many = weights.imageHead().isShort() && rows.size() >= ROWS_EACH * team.size();
        List<float[]> scores = many ? besideEachOther(rows) : together(rows);
        rows.forEach(r -> r.slot().advance(1));
        return scores;
    }

    private List<float[]> together(List<Row> rows) {
        HostScratch s = common.scratch(rows.size());
        embed(rows, s);
        portions.restart();
        team.run(part -> score(read(new Share(part, team.size(), rows, false, s, portions))));
        return scores(rows, s);
    }

    private List<float[]> besideEachOther(List<Row> rows) {
        List<List<float[]>> scores = new ArrayList<>(Collections.nCopies(team.size(), List.of()));
        team.run(part -> {
            List<Row> mine = rows.subList(Team.from(part, team.size(), rows.size(), 1), Team.from(part + 1, team.size(), rows.size(), 1));
            HostScratch s = own.get(part).scratch(mine.size());
            embed(mine, s);
            score(read(new Share(0, 1, mine, false, s, whole)));
            scores.set(part, scores(mine, s));
        });
        return scores.stream().flatMap(List::stream).toList();
    }

    /** Whether it reads so many ids of a prompt faster than libtorch. */
    boolean reads(int ids) {
        return weights.imageHead().rounds() && ids <= LONGEST_READ || weights.imageHead().splits() && ids <= LONGEST_INT8_READ;
    }

    /** Reads ids into a slot, after what is there, all of them through one block after the other. */
    void read(KvCache.Slot slot, int[] ids) {
        for (int from = 0; from < ids.length; from += READ_TOGETHER) {
            List<Row> rows = Arrays.stream(ids, from, Math.min(ids.length, from + READ_TOGETHER)).mapToObj(id -> new Row(slot, id, Head.TEXT)).toList();
            HostScratch s = common.scratch(rows.size());
            embed(rows, s);
            portions.restart();
            team.run(part -> read(new Share(part, team.size(), rows, true, s, portions)));
            slot.advance(rows.size());
        }
    }

    private static List<float[]> scores(List<Row> rows, HostScratch s) {
        return IntStream.range(0, rows.size())
                .mapToObj(b -> s.scores_BV(rows.get(b).head()).row(b).toArray(ValueLayout.JAVA_FLOAT))
                .toList();
    }

    private void embed(List<Row> rows, HostScratch s) {
        for (int b = 0; b < rows.size(); b++) {
            embed(rows.get(b).id(), s.x_BD(), b);
        }
    }

    private void embed(int id, HostVector x, int b) {
        boolean multimodal = config.isMultimodal(id);
        Embedding table = multimodal ? model.mmEmbedding() : model.textEmbedding();
        int index = multimodal ? id - config.vocabSize() : id;
        MemorySegment all = Tensors.segment(table.weight());
        boolean bf16 = HostAttention.isBfloat16(table.weight());
        long first = (long) index * config.hiddenSize();
        for (int i = 0; i < config.hiddenSize(); i++) {
            float value = bf16
                    ? Float.intBitsToFloat(all.getAtIndex(ValueLayout.JAVA_SHORT, first + i) << 16)
                    : all.getAtIndex(ValueLayout.JAVA_FLOAT, first + i);
            x.set(b, i, value);
        }
    }

    /** All blocks. */
    private Share read(Share share) {
        HostScratch s = share.scratch();
        int batch = share.rows().size();
        HostVector normed = s.normed_BD().get(share.part());
        int product = 0;
        for (Block block : weights.blocks()) {
            for (int b = 0; b < batch; b++) {
                normalise(s.x_BD(), b, block.inputNorm(), normed);
            }
            block.query().prepare(normed, batch);
            multiply(share, product++, block.query(), normed, s.q_BHK());
            multiply(share, product++, block.key(), normed, s.k_BGK());
            multiply(share, product++, block.value(), normed, s.v_BGK());
            barrier(share);

            attend(share, block.layer());
            barrier(share);

            HostVector attended = s.ownAttended_BHK().get(share.part());
            copy(s.attended_BHK(), attended, batch);
            block.output().prepare(attended, batch);
            portion(share, product++, block.output(), (from, to) -> {
                block.output().multiply(attended, batch, s.y_BD(), from, to);
                addTo(share, block, from, to);
            });
            barrier(share);

            for (int b = 0; b < batch; b++) {
                normalise(s.x_BD(), b, block.postAttentionNorm(), normed);
            }
            block.gate().prepare(normed, batch);
            portion(share, product++, block.gate(), (from, to) -> {
                block.gate().multiply(normed, batch, s.gate_BF(), from, to);
                block.up().multiply(normed, batch, s.up_BF(), from, to);
                for (int b = 0; b < batch; b++) {
                    HostSwiGlu.activate(s.gate_BF(), s.up_BF(), b, from, to);
                }
            });
            barrier(share);

            HostVector gate = s.ownGate_BF().get(share.part());
            copy(s.gate_BF(), gate, batch);
            block.down().prepare(gate, batch);
            portion(share, product++, block.down(), (from, to) -> {
                block.down().multiply(gate, batch, s.y_BD(), from, to);
                addTo(share, block, from, to);
            });
            barrier(share);
        }
        return share;
    }

    /** The heads. */
    private void score(Share share) {
        List<Row> rows = share.rows();
        HostScratch s = share.scratch();
        int batch = rows.size();
        HostVector normed = s.normed_BD().get(share.part());
        int product = PRODUCTS * weights.blocks().size();
        for (int b = 0; b < batch; b++) {
            normalise(s.x_BD(), b, config.isMultimodal(rows.get(b).id()) ? weights.mmNorm() : weights.textNorm(), normed);
        }
        for (Head head : new TreeSet<>(rows.stream().map(Row::head).toList())) {
            HostMatrix scores = head == Head.TEXT ? weights.textHead() : weights.imageHead();
            scores.prepare(normed, batch);
            multiply(share, product++, scores, normed, s.scores_BV(head));
        }
    }

    private static void multiply(Share share, int product, HostMatrix w, HostVector x, HostVector y) {
        portion(share, product, w, (from, to) -> w.multiply(x, share.rows().size(), y, from, to));
    }

    private static void portion(Share share, int product, HostMatrix w, Portions.Body body) {
        share.portions().each(product, share.part(), w, body);
    }

    private void barrier(Share share) {
        if (share.parts() > 1) {
            team.barrier();
        }
    }

    private void normalise(HostVector x, int b, float[] weight, HostVector normed) {
        HostElementwise.normalise(x, b, weight, config.rmsNormEps(), normed);
    }

    /** Hands the groups of all rows out to the threads. */
    private void attend(Share share, int layer) {
        int groups = config.keyValueHeads();
        int batch = share.rows().size();
        // Of a sequence a thread takes whole groups, so that it has stored what later rows see.
        int jobs = share.sequence() ? groups : batch * groups;
        for (int job = Team.from(share.part(), share.parts(), jobs, 1); job < Team.from(share.part() + 1, share.parts(), jobs, 1); job++) {
            if (share.sequence()) {
                for (int b = 0; b < batch; b++) {
                    attend(share, layer, b, job);
                }
            } else {
                attend(share, layer, job / groups, job % groups);
            }
        }
    }

    /** Turns and stores a group's key, stores its value, turns and answers its queries. */
    private void attend(Share share, int layer, int b, int group) {
        HostScratch s = share.scratch();
        int width = config.headWidth();
        int queries = config.heads() / config.keyValueHeads();
        KvCache.Slot slot = share.rows().get(b).slot();
        int position = share.position(b);
        MemorySegment keys_TK = HostAttention.group(slot.cache().keys(layer), slot.index(), group);
        MemorySegment values_TK = HostAttention.group(slot.cache().values(layer), slot.index(), group);
        turn(s.k_BGK(), b, group * width, position);
        HostAttention.store(keys_TK, bf16Cache, position, width, s.k_BGK(), b, group * width);
        HostAttention.store(values_TK, bf16Cache, position, width, s.v_BGK(), b, group * width);
        for (int head = group * queries; head < (group + 1) * queries; head++) {
            turn(s.q_BHK(), b, head * width, position);
        }
        s.attention().get(share.part()).attend(
                s.q_BHK(), b, group * queries * width, queries, keys_TK, values_TK, bf16Cache, position + 1, s.attended_BHK());
    }

    private void turn(HostVector x, int b, int from, int position) {
        HostElementwise.turn(x, b, from, config.headWidth() / 2, cos_TK, sin_TK, position);
    }

    /** {@code x += y}, elements from..to-1; a vision-specific block leaves text as it is. */
    private void addTo(Share share, Block block, int from, int to) {
        List<Row> rows = share.rows();
        HostScratch s = share.scratch();
        for (int b = 0; b < rows.size(); b++) {
            if (block.visionSpecific() && !config.isMultimodal(rows.get(b).id())) {
                continue;
            }
            HostElementwise.add(s.x_BD(), s.y_BD(), b, from, to);
        }
    }

    private static void copy(HostVector from, HostVector to, int batch) {
        for (int b = 0; b < batch; b++) {
            to.row(b).copyFrom(from.row(b));
        }
    }

    @Override
    public void close() {
        common.close();
        own.forEach(HostScratch.Room::close);
        if (ownsWeights) {
            weights.arena().close();
        }
    }
}
