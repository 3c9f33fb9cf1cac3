package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.data.PackedBatch;
import org.xomni.data.Packer;
import org.xomni.data.SampleSource;
import org.xomni.data.SequenceEncoder;
import org.xomni.data.signs.SignsWorld.Tasks;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;
import org.xomni.text.ChatTemplate;
import org.xomni.text.TextTokenizer;

/** Packed sequences do not see each other: their losses and gradients are those of each sequence in a row of its own. */
class PackedLossTest {
    @TempDir
    Path folder;

    @Test
    void packedLossesAndGradientsAreThoseOfSingleRows() throws Exception {
        Path model = TinyCheckpoint.withFrozenParts(folder).resolve("model");
        UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(model.resolve("config.json")));
        SampleSource source = TinyCheckpoint.tokenised(new Tasks(1, 1, 1, 0, 1), 64);
        try (TextTokenizer text = TextTokenizer.load(model);
                UnifiedModel unified = UnifiedModel.of(
                        config, ParameterStore.trainable("tiny", Map.of(), Initial.normal(1, 0.2), TinyCheckpoint.FP32));
                AdamW optimizer = new AdamW(List.of(ParameterGroup.all("model", unified.store())), AdamW.Settings.DEFAULT)) {
            SequenceEncoder encoder = new SequenceEncoder(config, text, ChatTemplate.load(model), SequenceEncoder.PromptDropping.NONE);
            try (Packer packer = new Packer(source, encoder, Packer.State.START, 2, 512, 1)) {
                PackedBatch batch = packer.next();
                assertThat(batch.documents()).isGreaterThan(4);
                Result packed = backward(unified, optimizer, batch.rows(), batch.length(), List.of(batch));
                Result single = backward(unified, optimizer, 1, batch.length(), singles(batch));
                assertThat(packed.targets()).isEqualTo(single.targets());
                assertThat(packed.loss()).isCloseTo(single.loss(), within(1e-4 * single.loss()));
                assertThat(packed.norm()).isCloseTo(single.norm(), within(1e-4 * single.norm()));
            }
        }
    }

    private record Result(long targets, double loss, double norm) {}

    /** Sums the losses of batches, and the norm of the gradients of that sum. */
    private static Result backward(UnifiedModel model, AdamW optimizer, int rows, int length, List<PackedBatch> batches) {
        long targets = 0;
        double sum = 0;
        for (PackedBatch batch : batches) {
            try (Scope scope = Scope.plain()) {
                Tensor wanted = grid(batch, batch.targets());
                UnifiedLoss loss = UnifiedLoss.of(
                        model, model.forwardPacked(grid(batch, batch.ids()), grid(batch, batch.positions()), grid(batch, batch.document())),
                        wanted, wanted.ne(new Scalar(PackedBatch.NONE)));
                Tensor total = loss.text().add(loss.image());
                total.backward();
                sum += total.item_float();
                targets += loss.textTargets() + loss.imageTargets();
            }
        }
        double norm = optimizer.gradientNorm();
        model.store().parameters().values().forEach(p -> {
            try (Scope scope = Scope.plain()) {
                if (p.grad().defined()) {
                    Tensor unused = p.grad().zero_();
                }
            }
        });
        return new Result(targets, sum, norm);
    }

    private static Tensor grid(PackedBatch batch, int[] values) {
        return Tensors.of(Arrays.stream(values).asLongStream().toArray(), batch.rows(), batch.length());
    }

    /** Each document of a batch as a batch of one row, without padding. */
    private static List<PackedBatch> singles(PackedBatch batch) {
        List<PackedBatch> singles = new ArrayList<>();
        int end;
        for (int at = 0; at < batch.ids().length; at = end) {
            end = at + 1;
            while (end < batch.ids().length && batch.document()[end] == batch.document()[at]) {
                end++;
            }
            if (batch.document()[at] != PackedBatch.NONE) {
                singles.add(new PackedBatch(
                        1, end - at, 1, Arrays.copyOfRange(batch.ids(), at, end), new int[end - at],
                        IntStream.range(0, end - at).toArray(), Arrays.copyOfRange(batch.targets(), at, end), batch.after()));
            }
        }
        return singles;
    }
}
