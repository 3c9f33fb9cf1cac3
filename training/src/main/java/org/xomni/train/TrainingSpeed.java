package org.xomni.train;

import static org.bytedeco.pytorch.global.torch.linear;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.Engine;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Team;
import org.xomni.tensor.Tensors;

/**
 * How fast the unified model trains on this machine: whole steps on random ids, whose rows workers share as in {@link UnifiedStage}, and the rate of plain matrix
 * products beside them.
 */
public final class TrainingSpeed implements AutoCloseable {
    private final UnifiedModel model;
    private final AdamW optimizer;
    private final Workers workers;
    private final Replicas models;
    private final Tensor ids_BL;
    private final Tensor supervised_BL;

    /**
     * @param rows B, of image tokens only
     * @param length L
     */
    public TrainingSpeed(UnifiedConfig config, Numerics numerics, long rows, long length) {
        Engine.keepFreedMemory();
        this.model = UnifiedModel.of(config, ParameterStore.trainable("random weights", Map.of(), Initial.normal(1, 0.02), numerics));
        this.optimizer = new AdamW(List.of(ParameterGroup.all("model", model.store())), AdamW.Settings.DEFAULT);
        this.workers = new Workers(numerics.onCpu() && rows >= Engine.threads() ? Engine.threads() : 1);
        this.models = new Replicas(model, workers);
        try (Scope scope = Scope.plain(); Randomness randomness = new Randomness(1)) {
            this.ids_BL = numerics.place(torch.randint(
                            config.vocabSize(), config.vocabSize() + config.imageVocabSize(), new long[] {rows, length + 1},
                            new GeneratorOptional(randomness.generator()), new TensorOptions(ScalarType.Long)));
            this.supervised_BL = numerics.place(torch.ones(new long[] {rows, length}, new TensorOptions(ScalarType.Bool)));
            ids_BL.retainReference();
            supervised_BL.retainReference();
        }
    }

    /** How many scalars are trained. */
    public long parameters() {
        return optimizer.count();
    }

    /** One step: forward, backward, clipping, AdamW; the loss. */
    public double step() {
        int rows = (int) ids_BL.size(0);
        double loss = workers.each(worker -> backward(
                        models.of(worker), Team.from(worker, workers.count(), rows, 1), Team.from(worker + 1, workers.count(), rows, 1)))
                .stream().mapToDouble(part -> part).sum();
        models.gather();
        optimizer.step(1e-4, optimizer.gradientNorm());
        return loss;
    }

    /** Rows from..to-1; what they add to the mean loss of all. */
    private double backward(UnifiedModel replica, int from, int to) {
        try (Scope scope = Scope.plain()) {
            long length = supervised_BL.size(1);
            Tensor ids = ids_BL.narrow(0, from, to - from);
            Tensor hidden = replica.forward(ids.narrow(1, 0, length));
            UnifiedLoss sums = UnifiedLoss.of(replica, hidden, ids.narrow(1, 1, length), supervised_BL.narrow(0, from, to - from));
            Tensor loss = sums.text().add(sums.image()).div(new Scalar((double) supervised_BL.numel()));
            loss.backward();
            return loss.item_float();
        }
    }

    /**
     * Floating-point operations a second of {@code [rows, in] x [in, out]}, best of several.
     *
     * @param where the device
     * @param type fp32 or bf16
     */
    public static double matrixRate(Numerics where, ScalarType type, long rows, long in, long out) {
        double best = 0;
        try (Scope scope = Scope.inference(); Randomness randomness = new Randomness(2)) {
            Tensor x = where.place(Tensors.normal(randomness, rows, in)).to(type);
            Tensor weight = where.place(Tensors.normal(randomness, out, in)).to(type).mul(new Scalar(0.02));
            for (int i = 0; i < 20; i++) {
                try (Scope round = Scope.plain()) {
                    long start = System.nanoTime();
                    Tensor product = linear(x, weight, new TensorOptional());
                    if (!where.onCpu()) {
                        // Reading a value waits for a GPU.
                        float last = product.select(0, rows - 1).select(0, out - 1).to(ScalarType.Float).item_float();
                        assert !Float.isNaN(last);
                    }
                    best = Math.max(best, 2.0 * rows * in * out / ((System.nanoTime() - start) / 1e9));
                }
            }
        }
        return best;
    }

    @Override
    public void close() {
        ids_BL.releaseReference();
        supervised_BL.releaseReference();
        workers.close();
        models.close();
        optimizer.close();
        model.close();
    }
}
