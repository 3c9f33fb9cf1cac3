package org.xomni.autoregressive;

// Shapes: B rows, D width, H query heads, G key-value heads, K head width, F MLP width, T positions of a slot, V scores of a head.

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Embedding;
import org.xomni.nn.host.HostAttention;
import org.xomni.nn.host.HostKernels;
import org.xomni.nn.host.HostMatrix;
import org.xomni.nn.host.HostVector;
import org.xomni.nn.host.Team;
import org.xomni.tensor.Tensors;

/**
 * A step on the CPU with kernels of our own, over the same weights and the same cache: what {@link TransformerBlock} says, row by row, without
 * an operator call. Activations are fp32 throughout. A row's result does not depend on its company, to the bit.
 *
 * <p>All threads run {@link #part} together; what one writes and another reads has a barrier in between. Normalised vectors are cheap and
 * computed by each thread for itself.
 */
final class HostDecodeStep implements DecodeStep {
    private final UnifiedModel model;
    private final UnifiedConfig config;
    private final Team team;
    private final List<Block> blocks;
    private final HostMatrix textHead;
    private final HostMatrix imageHead;
    private final float[] textNorm;
    private final float[] mmNorm;
    private final MemorySegment cos_TK;
    private final MemorySegment sin_TK;
    private final boolean bf16Cache;
    private @Nullable Scratch scratch;

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

        static Block of(TransformerBlock b) {
            return new Block(
                    b.layer(),
                    b.visionSpecific(),
                    Tensors.floats(b.inputNorm().weight()),
                    HostMatrix.of(b.query()),
                    HostMatrix.of(b.key()),
                    HostMatrix.of(b.value()),
                    HostMatrix.of(b.output()),
                    Tensors.floats(b.postAttentionNorm().weight()),
                    HostMatrix.of(b.gate()),
                    HostMatrix.of(b.up()),
                    HostMatrix.of(b.down()));
        }
    }

    /** Vectors of a step for up to B rows; the lists have one for each thread. */
    private record Scratch(
            int batch,
            HostVector x_BD,
            HostVector y_BD,
            HostVector q_BHK,
            HostVector k_BGK,
            HostVector v_BGK,
            HostVector attended_BHK,
            HostVector gate_BF,
            HostVector up_BF,
            HostVector textScores_BV,
            HostVector imageScores_BV,
            List<HostVector> normed_BD,
            List<HostVector> ownAttended_BHK,
            List<HostVector> ownGate_BF,
            List<HostAttention> attention)
            implements AutoCloseable {

        static Scratch of(UnifiedConfig c, int batch, int threads) {
            int hk = c.heads() * c.headWidth();
            int gk = c.keyValueHeads() * c.headWidth();
            return new Scratch(
                    batch,
                    new HostVector(batch, c.hiddenSize()),
                    new HostVector(batch, c.hiddenSize()),
                    new HostVector(batch, hk),
                    new HostVector(batch, gk),
                    new HostVector(batch, gk),
                    new HostVector(batch, hk),
                    new HostVector(batch, c.intermediateSize()),
                    new HostVector(batch, c.intermediateSize()),
                    new HostVector(batch, c.vocabSize()),
                    new HostVector(batch, c.imageVocabSize()),
                    forEach(threads, batch, c.hiddenSize()),
                    forEach(threads, batch, hk),
                    forEach(threads, batch, c.intermediateSize()),
                    IntStream.range(0, threads).mapToObj(i -> new HostAttention(c.headWidth())).toList());
        }

        private static List<HostVector> forEach(int threads, int batch, int size) {
            return IntStream.range(0, threads).mapToObj(i -> new HostVector(batch, size)).toList();
        }

        HostVector scores_BV(Head head) {
            return head == Head.TEXT ? textScores_BV : imageScores_BV;
        }

        @Override
        public void close() {
            List.of(x_BD, y_BD, q_BHK, k_BGK, v_BGK, attended_BHK, gate_BF, up_BF, textScores_BV, imageScores_BV).forEach(HostVector::close);
            List.of(normed_BD, ownAttended_BHK, ownGate_BF).forEach(list -> list.forEach(HostVector::close));
        }
    }

    private HostDecodeStep(UnifiedModel model, KvCache cache, Team team) {
        this.model = model;
        this.config = model.config();
        this.team = team;
        this.blocks = model.blocks().stream().map(Block::of).toList();
        this.textHead = HostMatrix.of(model.head(Head.TEXT));
        this.imageHead = HostMatrix.of(model.head(Head.IMAGE));
        this.textNorm = Tensors.floats(model.textNorm().weight());
        this.mmNorm = Tensors.floats(model.mmNorm().weight());
        this.cos_TK = Tensors.segment(model.rope().cos());
        this.sin_TK = Tensors.segment(model.rope().sin());
        this.bf16Cache = HostAttention.isBfloat16(cache.keys(0));
    }

    /** The step for a model and its cache, or null where only libtorch can do it: on a GPU, with adapters, or without the JVM's vector module. */
    static @Nullable HostDecodeStep of(UnifiedModel model, KvCache cache, Team team) {
        return model.numerics().onCpu() && HostKernels.available() && !model.hasAdapters() ? new HostDecodeStep(model, cache, team) : null;
    }

    /** Rows of a step up to which libtorch is not faster. */
    int mostRows() {
        return imageHead.mostVectors();
    }

    @Override
    public List<float[]> run(List<Row> rows) {
        Scratch s = scratch(rows.size());
        for (int b = 0; b < rows.size(); b++) {
            embed(rows.get(b).id(), s.x_BD(), b);
        }
        team.run(part -> part(part, rows, s));
        rows.forEach(r -> r.slot().advance(1));
        return IntStream.range(0, rows.size())
                .mapToObj(b -> s.scores_BV(rows.get(b).head()).row(b).toArray(ValueLayout.JAVA_FLOAT))
                .toList();
    }

    private Scratch scratch(int batch) {
        if (scratch == null || scratch.batch() < batch) {
            close(scratch);
            scratch = Scratch.of(config, batch, team.size());
        }
        return scratch;
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

    /** One thread's share of a step. */
    private void part(int part, List<Row> rows, Scratch s) {
        int batch = rows.size();
        HostVector normed = s.normed_BD().get(part);
        for (Block block : blocks) {
            for (int b = 0; b < batch; b++) {
                normalise(s.x_BD(), b, block.inputNorm(), normed);
            }
            normed.prepare(block.query().type());
            multiply(part, block.query(), normed, batch, s.q_BHK());
            multiply(part, block.key(), normed, batch, s.k_BGK());
            multiply(part, block.value(), normed, batch, s.v_BGK());
            team.barrier();

            attend(part, block.layer(), rows, s);
            team.barrier();

            HostVector attended = s.ownAttended_BHK().get(part);
            copy(s.attended_BHK(), attended, batch);
            attended.prepare(block.output().type());
            multiply(part, block.output(), attended, batch, s.y_BD());
            addTo(part, block, rows, s);
            team.barrier();

            for (int b = 0; b < batch; b++) {
                normalise(s.x_BD(), b, block.postAttentionNorm(), normed);
            }
            normed.prepare(block.gate().type());
            multiply(part, block.gate(), normed, batch, s.gate_BF());
            multiply(part, block.up(), normed, batch, s.up_BF());
            activate(part, batch, s);
            team.barrier();

            HostVector gate = s.ownGate_BF().get(part);
            copy(s.gate_BF(), gate, batch);
            gate.prepare(block.down().type());
            multiply(part, block.down(), gate, batch, s.y_BD());
            addTo(part, block, rows, s);
            team.barrier();
        }
        for (int b = 0; b < batch; b++) {
            normalise(s.x_BD(), b, config.isMultimodal(rows.get(b).id()) ? mmNorm : textNorm, normed);
        }
        for (Head head : rows.stream().map(Row::head).collect(Collectors.toSet())) {
            HostMatrix scores = head == Head.TEXT ? textHead : imageHead;
            normed.prepare(scores.type());
            multiply(part, scores, normed, batch, s.scores_BV(head));
        }
    }

    private void multiply(int part, HostMatrix w, HostVector x, int batch, HostVector y) {
        w.multiply(x, batch, y, from(part, w.rows()), from(part + 1, w.rows()));
    }

    private int from(int part, int n) {
        return Team.from(part, team.size(), n, HostMatrix.BLOCK);
    }

    /** {@code normed = x / sqrt(mean(x^2) + eps) * weight}. */
    private void normalise(HostVector x, int b, float[] weight, HostVector normed) {
        double squares = 0;
        for (int i = 0; i < weight.length; i++) {
            float v = x.get(b, i);
            squares += v * v;
        }
        float scale = (float) (1 / Math.sqrt(squares / weight.length + config.rmsNormEps()));
        for (int i = 0; i < weight.length; i++) {
            normed.set(b, i, x.get(b, i) * scale * weight[i]);
        }
    }

    /** Each thread takes whole groups: it turns and stores the group's key, stores its value, turns and answers its queries. */
    private void attend(int part, int layer, List<Row> rows, Scratch s) {
        int groups = config.keyValueHeads();
        int width = config.headWidth();
        int queries = config.heads() / groups;
        HostAttention attention = s.attention().get(part);
        int jobs = rows.size() * groups;
        for (int job = Team.from(part, team.size(), jobs, 1); job < Team.from(part + 1, team.size(), jobs, 1); job++) {
            int b = job / groups;
            int group = job % groups;
            KvCache.Slot slot = rows.get(b).slot();
            int position = slot.length();
            Tensor keys = slot.cache().keys(layer);
            Tensor values = slot.cache().values(layer);
            MemorySegment keys_TK = HostAttention.group(keys, slot.index(), group);
            MemorySegment values_TK = HostAttention.group(values, slot.index(), group);
            turn(s.k_BGK(), b, group * width, position);
            HostAttention.store(keys_TK, bf16Cache, position, width, s.k_BGK(), b, group * width);
            HostAttention.store(values_TK, bf16Cache, position, width, s.v_BGK(), b, group * width);
            for (int head = group * queries; head < (group + 1) * queries; head++) {
                turn(s.q_BHK(), b, head * width, position);
                attention.attend(s.q_BHK(), b, head * width, keys_TK, values_TK, bf16Cache, position + 1, s.attended_BHK());
            }
        }
    }

    /** Rotates one head in place. */
    private void turn(HostVector x, int b, int from, int position) {
        int half = config.headWidth() / 2;
        for (int i = 0; i < half; i++) {
            float cos = cos_TK.getAtIndex(ValueLayout.JAVA_FLOAT, (long) position * half + i);
            float sin = sin_TK.getAtIndex(ValueLayout.JAVA_FLOAT, (long) position * half + i);
            float re = x.get(b, from + i);
            float im = x.get(b, from + half + i);
            x.set(b, from + i, re * cos - im * sin);
            x.set(b, from + half + i, im * cos + re * sin);
        }
    }

    /** {@code gate = silu(gate) * up}, on the rows that this thread has computed. */
    private void activate(int part, int batch, Scratch s) {
        int n = config.intermediateSize();
        for (int b = 0; b < batch; b++) {
            for (int i = from(part, n); i < from(part + 1, n); i++) {
                float g = s.gate_BF().get(b, i);
                s.gate_BF().set(b, i, g / (1 + (float) Math.exp(-g)) * s.up_BF().get(b, i));
            }
        }
    }

    /** {@code x += y}, on the rows that this thread has computed; a vision-specific block leaves text as it is. */
    private void addTo(int part, Block block, List<Row> rows, Scratch s) {
        int n = config.hiddenSize();
        for (int b = 0; b < rows.size(); b++) {
            if (block.visionSpecific() && !config.isMultimodal(rows.get(b).id())) {
                continue;
            }
            for (int i = from(part, n); i < from(part + 1, n); i++) {
                s.x_BD().set(b, i, s.x_BD().get(b, i) + s.y_BD().get(b, i));
            }
        }
    }

    private static void copy(HostVector from, HostVector to, int batch) {
        for (int b = 0; b < batch; b++) {
            to.row(b).copyFrom(from.row(b));
        }
    }

    private static void close(@Nullable Scratch scratch) {
        if (scratch != null) {
            scratch.close();
        }
    }

    @Override
    public void close() {
        close(scratch);
    }
}
