package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.stack;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.Tensors;

/**
 * Rotary position embedding over three axes (time, row, column): each axis owns a part of the head's K dimensions and turns its pairs
 * {@code (2i, 2i+1)} by {@code position / 10000^(2i/part)}. Text stands at the origin; an image's time is 0.
 *
 * @param cos [N, K/2] fp32, computed in double precision
 * @param sin [N, K/2]
 * @param text S, how many of the N positions are text
 */
public record AxialRope(Tensor cos, Tensor sin, int text) {
    private static final double THETA = 10_000;

    /**
     * The angles of {@code text} text positions and then of an image, row by row.
     *
     * @param axes the part of K that each axis owns
     */
    public static AxialRope of(List<Integer> axes, int text, int height, int width, Numerics numerics) {
        int half = axes.stream().mapToInt(d -> d / 2).sum();
        int positions = text + height * width;
        float[] cos = new float[positions * half];
        float[] sin = new float[positions * half];
        for (int n = 0; n < positions; n++) {
            int image = n - text;
            int[] position = image < 0 ? new int[3] : new int[] {0, image / width, image % width};
            int at = n * half;
            for (int axis = 0; axis < axes.size(); axis++) {
                int part = axes.get(axis);
                for (int pair = 0; pair < part; pair += 2, at++) {
                    double angle = position[axis] / Math.pow(THETA, pair / (double) part);
                    cos[at] = (float) Math.cos(angle);
                    sin[at] = (float) Math.sin(angle);
                }
            }
        }
        return new AxialRope(
                Tensors.of(cos, positions, half).to(numerics.torchDevice(), ScalarType.Float),
                Tensors.of(sin, positions, half).to(numerics.torchDevice(), ScalarType.Float),
                text);
    }

    /** Turns queries or keys [B, H, N, K], in fp32. */
    public Tensor turn(Tensor x_BHNK) {
        long[] s = Tensors.shape(x_BHNK);
        Tensor pairs = x_BHNK.to(ScalarType.Float).reshape(s[0], s[1], s[2], s[3] / 2, 2);
        Tensor a = pairs.select(4, 0);
        Tensor b = pairs.select(4, 1);
        Tensor turned = stack(new TensorVector(a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))), -1);
        return turned.reshape(s).to(x_BHNK.scalar_type());
    }
}
