package org.xomni.decoder;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * A large image in overlapping square tiles. Along each axis a tile has a weight of 1, falling linearly towards its ends where another tile
 * overlaps; the weights of all tiles at a pixel are divided by their sum, so that a constant image stays constant and no seam shows.
 *
 * @param size positions along each side of a tile
 * @param overlap positions that neighbouring tiles share at least, below {@code size}
 */
public record Tiles(int size, int overlap) {
    /** Tiles of 512 pixels, a quarter of them shared, for FLUX's autoencoder. */
    public static final Tiles DEFAULT = new Tiles(64, 16);

    public Tiles {
        if (size < 1 || overlap < 0 || overlap >= size) {
            throw new InputException("tiles of " + size + " that overlap by " + overlap + " do not cover an image; "
                    + "use an overlap of 0 to " + (size - 1));
        }
    }

    /**
     * Applies an operation tile by tile.
     *
     * @param x [B, C, Y, X]
     * @param channels of the result
     * @param factor pixels of the result for each position of {@code x}, along each side
     * @param operation from [B, C, y, x] to [B, channels, y * factor, x * factor]
     * @return [B, channels, Y * factor, X * factor], fp32 where there is more than one tile
     */
    Tensor map(Tensor x, int channels, int factor, UnaryOperator<Tensor> operation) {
        int height = (int) x.size(2);
        int width = (int) x.size(3);
        if (height <= size && width <= size) {
            return operation.apply(x);
        }
        int[] rows = starts(height);
        int[] columns = starts(width);
        float[][] rowWeights = weights(height, rows, factor);
        float[][] columnWeights = weights(width, columns, factor);
        Tensor out = torch.zeros(
                new long[] {x.size(0), channels, (long) height * factor, (long) width * factor},
                new TensorOptions(ScalarType.Float).device(new DeviceOptional(x.device())));
        for (int i = 0; i < rows.length; i++) {
            for (int j = 0; j < columns.length; j++) {
                try (Scope scope = Scope.plain()) {
                    float[] v = rowWeights[i];
                    float[] h = columnWeights[j];
                    Tensor tile = x.narrow(2, rows[i], v.length / factor).narrow(3, columns[j], h.length / factor);
                    Tensor weight = Tensors.of(v, v.length, 1).mul(Tensors.of(h, 1, h.length)).to(x.device(), ScalarType.Float);
                    out.narrow(2, (long) rows[i] * factor, v.length)
                            .narrow(3, (long) columns[j] * factor, h.length)
                            .add_(operation.apply(tile).mul(weight));
                }
            }
        }
        return out;
    }

    /** Where tiles start along an axis; the last one ends at its end. */
    int[] starts(int length) {
        int count = length <= size ? 1 : 1 + Math.ceilDiv(length - size, size - overlap);
        int[] starts = new int[count];
        for (int i = 0; i < count; i++) {
            starts[i] = Math.max(0, Math.min(i * (size - overlap), length - size));
        }
        return starts;
    }

    /** For each tile along an axis the weight of each of its pixels; those of one pixel add up to 1. */
    float[][] weights(int length, int[] starts, int factor) {
        int extent = Math.min(size, length) * factor;
        float ramp = Math.max(1, overlap * factor);
        float[][] weights = new float[starts.length][extent];
        float[] sums = new float[length * factor];
        for (int tile = 0; tile < starts.length; tile++) {
            for (int i = 0; i < extent; i++) {
                float before = tile == 0 ? 1 : (i + 0.5f) / ramp;
                float after = tile == starts.length - 1 ? 1 : (extent - i - 0.5f) / ramp;
                weights[tile][i] = Math.min(1, Math.min(before, after));
                sums[starts[tile] * factor + i] += weights[tile][i];
            }
        }
        for (int tile = 0; tile < starts.length; tile++) {
            for (int i = 0; i < extent; i++) {
                weights[tile][i] /= sums[starts[tile] * factor + i];
            }
        }
        return weights;
    }
}
