package org.xomni.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.xomni.data.signs.Painter;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.decoder.Vae;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Scope;
import org.xomni.tokenizer.ImageTokenizer;
import org.xomni.tokenizer.ImageTransform;

/** The trained parts that the project ships do what they were trained for, on held-out signs. */
class MiniPartsTest {
    private static final Path MINI = Path.of(System.getProperty("xomni.root")).resolve("models").resolve("mini");
    private static final Numerics FP32 = Numerics.cpu(DType.FLOAT32);
    private static final List<Pixels> SIGNS = signs(64);

    private static List<Pixels> signs(int count) {
        SignsWorld world = new SignsWorld(99, Split.HELD_OUT, SignsWorld.Tasks.GENERATION, List.of(new SignsWorld.Size(128, 128)));
        List<Pixels> signs = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            signs.add(Painter.paint(world.scene(i)));
        }
        return signs;
    }

    @Test
    void theAutoencoderGivesSignsBack() {
        double error = 0;
        try (Vae vae = Vae.load(MINI.resolve("flux").resolve("vae"), FP32)) {
            for (Pixels sign : SIGNS) {
                try (Scope scope = Scope.inference()) {
                    Tensor x = ImageTransform.normalize(sign, FP32);
                    error += vae.decode(vae.encode(x).mean()).sub(x).square().mean().item_float() / SIGNS.size();
                }
            }
        }
        double psnr = 10 * Math.log10(4 / error);
        System.err.printf("mini's autoencoder, 64 held-out signs: PSNR %.2f dB%n", psnr);
        assertThat(psnr).as("PSNR in dB, unclipped").isGreaterThan(26);
    }

    /** A token tells what its patch shows: of the patches that got a token most look alike, over signs that were not trained on. */
    @Test
    void aTokenStandsForALook() {
        Map<Integer, List<float[]>> patchesOfToken = new HashMap<>();
        try (ImageTokenizer tokenizer = ImageTokenizer.load(MINI.resolve("model"), FP32)) {
            List<ImageTokens> tokens = tokenizer.encode(SIGNS);
            for (int i = 0; i < SIGNS.size(); i++) {
                for (int t = 0; t < 64; t++) {
                    patchesOfToken.computeIfAbsent(tokens.get(i).ids()[t], k -> new ArrayList<>()).add(patch(SIGNS.get(i), t / 8, t % 8));
                }
            }
        }
        double within = 0;
        double all = 0;
        List<float[]> every = patchesOfToken.values().stream().flatMap(List::stream).toList();
        float[] mean = mean(every);
        for (List<float[]> alike : patchesOfToken.values()) {
            float[] own = mean(alike);
            for (float[] patch : alike) {
                within += distance(patch, own);
                all += distance(patch, mean);
            }
        }
        System.err.printf("mini's tokenizer, 64 held-out signs: %d tokens, %.4f of the variance of pixels is within tokens%n",
                patchesOfToken.size(), within / all);
        assertThat(patchesOfToken.size()).as("different tokens").isGreaterThan(200);
        assertThat(within / all).as("share of the pixels' variance within tokens").isLessThan(0.02);
    }

    private static float[] patch(Pixels sign, int row, int column) {
        float[] values = new float[16 * 16 * 3];
        for (int i = 0; i < values.length; i++) {
            values[i] = sign.get(row * 16 + i / 48, column * 16 + i % 48 / 3, i % 3);
        }
        return values;
    }

    private static float[] mean(List<float[]> patches) {
        float[] mean = new float[16 * 16 * 3];
        for (float[] patch : patches) {
            for (int i = 0; i < mean.length; i++) {
                mean[i] += patch[i] / patches.size();
            }
        }
        return mean;
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }
}
