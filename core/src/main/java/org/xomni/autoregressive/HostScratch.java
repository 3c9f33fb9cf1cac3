package org.xomni.autoregressive;

// Shapes as in HostDecodeStep.

import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.host.HostAttention;
import org.xomni.nn.host.HostVector;

/** Vectors of a {@link HostDecodeStep} for up to B rows; the lists have one for each thread. */
record HostScratch(
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

    static HostScratch of(UnifiedConfig c, int batch, int threads) {
        int hk = c.heads() * c.headWidth();
        int gk = c.keyValueHeads() * c.headWidth();
        return new HostScratch(
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

    /** Has a scratch that grows with the rows. */
    static final class Room implements AutoCloseable {
        private final UnifiedConfig config;
        private final int threads;
        private @Nullable HostScratch scratch;

        /** @param threads that work on the same rows */
        Room(UnifiedConfig config, int threads) {
            this.config = config;
            this.threads = threads;
        }

        /** For at least so many rows; what it gave before is gone when more are asked for. */
        HostScratch scratch(int batch) {
            HostScratch last = scratch;
            if (last == null || last.batch() < batch) {
                close();
                last = HostScratch.of(config, batch, threads);
                scratch = last;
            }
            return last;
        }

        @Override
        public void close() {
            if (scratch != null) {
                scratch.close();
                scratch = null;
            }
        }
    }
}
