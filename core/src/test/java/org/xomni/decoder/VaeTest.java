package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.xomni.Fixtures;
import org.xomni.tensor.DType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Randomness;
import org.xomni.tensor.SafetensorsFile;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

class VaeTest {
    static final Iterable<String> FIXTURES = Fixtures.ALL;

    @ParameterizedTest
    @FieldSource("FIXTURES")
    void encodesAndDecodesAsTheReference(String fixture) {
        try (Scope scope = Scope.inference();
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden(fixture, "decoder.safetensors"));
                Vae vae = load(fixture)) {
            Vae.Posterior posterior = vae.encode(Fixtures.tensor(golden, "vae.pixels"));

            Fixtures.assertClose(posterior.mean(), Fixtures.tensor(golden, "vae.mean"));
            Fixtures.assertClose(posterior.logVariance(), Fixtures.tensor(golden, "vae.logvar"));
            Fixtures.assertClose(vae.decode(Fixtures.tensor(golden, "vae.latents")), Fixtures.tensor(golden, "vae.decoded"));
        }
    }

    @Test
    void aSampleIsTheMeanPlusNoiseOfTheLogVariance() {
        try (Scope scope = Scope.inference();
                Randomness first = new Randomness(3);
                Randomness second = new Randomness(3)) {
            Tensor mean = torch.full(new long[] {1, 2, 2, 2}, new Scalar(5.0));
            Tensor logVariance = torch.full(new long[] {1, 2, 2, 2}, new Scalar(2 * Math.log(0.5)));
            Tensor expected = Tensors.normal(second, 1, 2, 2, 2).mul(new Scalar(0.5)).add(new Scalar(5.0));

            Fixtures.assertClose(new Vae.Posterior(mean, logVariance).sample(first), expected, 1e-6);
        }
    }

    @Test
    void scalingIsUndone() {
        try (Scope scope = Scope.inference();
                Vae vae = load("tiny-en");
                Randomness randomness = new Randomness(1)) {
            Tensor z = Tensors.normal(randomness, 1, 4, 2, 2);

            Fixtures.assertClose(vae.unscaled(vae.scaled(z)), z, 1e-6);
            Fixtures.assertClose(vae.scaled(z), z.sub(new Scalar(0.1159)).mul(new Scalar(0.3611)), 1e-6);
        }
    }

    @Test
    void quantConvolutionsAreUsedWhereTheConfigHasThem() {
        VaeConfig config = new VaeConfig(4, List.of(8, 16), 1, 4, true, 1, 0, true, true);
        try (Scope scope = Scope.inference();
                Vae vae = new Vae(config, ParameterStore.random(1, 0.1, Numerics.cpu(DType.FLOAT32)));
                Randomness randomness = new Randomness(1)) {
            assertThat(vae.parameters().parameters()).containsKeys("quant_conv.weight", "post_quant_conv.weight");
            assertThat(Tensors.shape(vae.encode(Tensors.normal(randomness, 1, 3, 8, 6)).mean())).containsExactly(1, 4, 4, 3);
            assertThat(Tensors.shape(vae.decode(Tensors.normal(randomness, 1, 4, 4, 3)))).containsExactly(1, 3, 8, 6);
        }
    }

    @Test
    void oneTileIsThePlainDecode() {
        try (Scope scope = Scope.inference();
                SafetensorsFile golden = SafetensorsFile.open(Fixtures.golden("tiny-en", "decoder.safetensors"));
                Vae vae = load("tiny-en")) {
            Tensor tiled = vae.decodeTiled(Fixtures.tensor(golden, "vae.latents"), new Tiles(10, 2));

            assertThat(Tensors.floats(tiled)).containsExactly(Tensors.floats(vae.decode(Fixtures.tensor(golden, "vae.latents"))));
        }
    }

    @Test
    void tilesOfAPointwiseOperationMakeTheWholeImage() {
        try (Scope scope = Scope.inference();
                Randomness randomness = new Randomness(1)) {
            Tensor x = Tensors.normal(randomness, 2, 3, 23, 9);
            Tensor tiled = new Tiles(8, 3).map(x, 3, 2, t -> torch.upsample_nearest2d(t, 2 * t.size(2), 2 * t.size(3)));

            Fixtures.assertClose(tiled, torch.upsample_nearest2d(x, 46, 18), 1e-6);
        }
    }

    @Test
    void tilesCoverEveryPixelWithWeightsThatAddUpToOne() {
        Tiles tiles = new Tiles(8, 3);
        for (int length = 1; length < 40; length++) {
            int[] starts = tiles.starts(length);
            float[][] weights = tiles.weights(length, starts, 2);
            float[] sums = new float[2 * length];
            for (int tile = 0; tile < starts.length; tile++) {
                for (int i = 0; i < weights[tile].length; i++) {
                    assertThat(weights[tile][i]).isPositive();
                    sums[2 * starts[tile] + i] += weights[tile][i];
                }
            }
            for (float sum : sums) {
                assertThat(sum).isCloseTo(1, within(1e-6f));
            }
        }
        assertThatThrownBy(() -> new Tiles(8, 8)).isInstanceOf(InputException.class).hasMessageContaining("overlap by 8");
    }

    private static Vae load(String fixture) {
        return Vae.load(Fixtures.flux(fixture).resolve("vae"), Numerics.cpu(DType.FLOAT32));
    }
}
