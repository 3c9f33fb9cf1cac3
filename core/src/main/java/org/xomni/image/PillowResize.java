package org.xomni.image;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.xomni.tensor.InputException;

/**
 * Pillow's {@code Image.resize((width, height), BICUBIC)} for 8-bit RGB, bit for bit. The reference preprocesses with it, and no other
 * resampler gives the same pixels, hence not always the same tokens.
 *
 * <p>The filter is Keys' cubic with a = -0.5, stretched by the scale when shrinking (so that it antialiases). Two passes, the horizontal
 * one first, each rounded to 8 bits; weights are normalised in double precision and then rounded to 22 fractional bits. This is Pillow
 * up to 12.0, the reference's time; 12.3 and 13.0 sometimes run the vertical pass first, which can change a level here and there.
 */
public final class PillowResize {
    private static final int PRECISION_BITS = 32 - 8 - 2;
    private static final double SUPPORT = 2.0;

    private PillowResize() {}

    /**
     * Resizes to {@code width} x {@code height} pixels; returns {@code image} itself when it has this size already.
     *
     * @throws InputException if a side is below 1, or the result (or the half-way image) has more pixels than an array can hold
     */
    public static Pixels bicubic(Pixels image, int height, int width) {
        if (height < 1 || width < 1) {
            throw new InputException("cannot resize an image to " + height + "x" + width + "; choose sides of at least 1");
        }
        Pixels narrowed = width == image.width() ? image : horizontal(image, Weights.of(image.width(), width));
        return height == image.height() ? narrowed : vertical(narrowed, Weights.of(image.height(), height));
    }

    private static Pixels horizontal(Pixels image, Weights weights) {
        int width = weights.start.length;
        Pixels result = new Pixels(image.height(), width);
        byte[] in = image.rgb();
        byte[] out = result.rgb();
        IntStream.range(0, image.height()).parallel().forEach(y -> {
            int to = y * width * 3;
            for (int x = 0; x < width; x++) {
                int from = (y * image.width() + weights.start[x]) * 3;
                int red = 1 << (PRECISION_BITS - 1);
                int green = red;
                int blue = red;
                int end = x * weights.taps + weights.count[x];
                for (int k = x * weights.taps; k < end; k++) {
                    int weight = weights.fixed[k];
                    red += weight * (in[from++] & 0xFF);
                    green += weight * (in[from++] & 0xFF);
                    blue += weight * (in[from++] & 0xFF);
                }
                out[to++] = clip(red);
                out[to++] = clip(green);
                out[to++] = clip(blue);
            }
        });
        return result;
    }

    private static Pixels vertical(Pixels image, Weights weights) {
        int height = weights.start.length;
        int stride = image.width() * 3;
        Pixels result = new Pixels(height, image.width());
        byte[] in = image.rgb();
        byte[] out = result.rgb();
        IntStream.range(0, height).parallel().forEach(y -> {
            int[] sums = new int[stride];
            Arrays.fill(sums, 1 << (PRECISION_BITS - 1));
            for (int k = 0; k < weights.count[y]; k++) {
                int weight = weights.fixed[y * weights.taps + k];
                int from = (weights.start[y] + k) * stride;
                for (int i = 0; i < stride; i++) {
                    sums[i] += weight * (in[from + i] & 0xFF);
                }
            }
            for (int i = 0; i < stride; i++) {
                out[y * stride + i] = clip(sums[i]);
            }
        });
        return result;
    }

    private static byte clip(int sum) {
        return (byte) Math.clamp(sum >> PRECISION_BITS, 0, 255);
    }

    /** For each of the {@code start.length} outputs: its first input, how many inputs, and their weights at {@code fixed[i * taps]}. */
    @SuppressWarnings("ArrayRecordComponent") // private working storage, never compared
    private record Weights(int taps, int[] start, int[] count, int[] fixed) {
        static Weights of(int inSize, int outSize) {
            double scale = (double) inSize / outSize;
            double stretch = Math.max(scale, 1.0);
            double support = SUPPORT * stretch;
            // No output takes more inputs than there are, whatever the support.
            int taps = Math.min((int) Math.ceil(support) * 2 + 1, inSize);
            int[] start = new int[outSize];
            int[] count = new int[outSize];
            int[] fixed = new int[Math.multiplyExact(outSize, taps)];
            double[] weights = new double[taps];
            for (int i = 0; i < outSize; i++) {
                double center = (i + 0.5) * scale;
                start[i] = Math.max((int) (center - support + 0.5), 0);
                count[i] = Math.min((int) (center + support + 0.5), inSize) - start[i];
                double sum = 0;
                for (int k = 0; k < count[i]; k++) {
                    // Pillow multiplies by the reciprocal; dividing would round differently.
                    weights[k] = cubic((k + start[i] - center + 0.5) * (1.0 / stretch));
                    sum += weights[k];
                }
                for (int k = 0; k < count[i]; k++) {
                    double weight = sum == 0 ? weights[k] : weights[k] / sum;
                    fixed[i * taps + k] = (int) (weight * (1 << PRECISION_BITS) + (weight < 0 ? -0.5 : 0.5));
                }
            }
            return new Weights(taps, start, count, fixed);
        }

        private static double cubic(double x) {
            double a = -0.5;
            x = Math.abs(x);
            if (x < 1) {
                return ((a + 2) * x - (a + 3)) * x * x + 1;
            }
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
        }
    }
}
