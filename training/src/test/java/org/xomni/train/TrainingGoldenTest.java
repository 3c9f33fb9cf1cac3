package org.xomni.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.autoregressive.UnifiedModel;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tensor.Tensors;

/** Twenty steps of the reference: PyTorch's AdamW on the reference's model give the same losses and gradient norms. */
class TrainingGoldenTest {
    private static final Path FIXTURES = Path.of(System.getProperty("xomni.fixtures"));

    /** {@code packed}: by the function that stages call, with one sequence a row. */
    @ParameterizedTest
    @CsvSource({"tiny-en, false", "tiny-en, true", "tiny-zh, false", "tiny-zh, true"})
    void lossesAndGradientNormsAreTheReferences(String fixture, boolean packed) {
        Path model = FIXTURES.resolve(fixture).resolve("model");
        try (ShardedSafetensors weights = ShardedSafetensors.open(model, "model");
                SafetensorsFile golden = SafetensorsFile.open(FIXTURES.resolve(fixture).resolve("golden").resolve("training.safetensors"));
                Scope scope = Scope.plain();
                UnifiedModel unified = UnifiedModel.of(
                        UnifiedConfig.of(ConfigFile.read(model.resolve("config.json"))),
                        ParameterStore.trainable("the fixture", weights.tensors(), Initial.normal(0, 0.02), Numerics.cpu(DType.FLOAT32)));
                AdamW optimizer = new AdamW(
                        List.of(ParameterGroup.all("model", unified.store())), new AdamW.Settings(List.of(0.9, 0.95), 1e-8, 0, 1))) {
            Tensor ids = Tensors.over(golden.tensor("ids")).to(ScalarType.Long);
            int[] lengths = Tensors.ints(Tensors.over(golden.tensor("lengths")));
            long length = ids.size(1) - 1;
            Tensor inputs = ids.narrow(1, 0, length);
            Tensor targets = ids.narrow(1, 1, length);
            Tensor positions = torch.arange(new Scalar(length), new TensorOptions(ScalarType.Long));
            Tensor supervised = positions.unsqueeze(0).lt(Tensors.ids(lengths).sub(new Scalar(1)).unsqueeze(1));
            float[] losses = Tensors.floats(Tensors.over(golden.tensor("loss")));
            float[] norms = Tensors.floats(Tensors.over(golden.tensor("grad_norm")));
            for (int step = 0; step < losses.length; step++) {
                try (Scope round = Scope.plain()) {
                    Tensor hidden = packed
                            ? unified.forwardPacked(inputs, positions.unsqueeze(0).expand_as(inputs), torch.zeros_like(inputs))
                            : unified.forward(inputs);
                    Tensor loss = UnifiedLoss.of(unified, hidden, targets, supervised).mean();
                    loss.backward();
                    double norm = optimizer.gradientNorm();
                    optimizer.step(1e-3, norm);
                    assertThat((double) loss.item_float()).as("loss of step " + step).isCloseTo(losses[step], within(1e-4 * losses[step]));
                    assertThat(norm).as("gradient norm of step " + step).isCloseTo(norms[step], within(1e-4 * norms[step]));
                }
            }
        }
    }
}
