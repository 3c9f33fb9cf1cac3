package org.xomni.decoder;

import org.bytedeco.pytorch.Tensor;
import org.xomni.tensor.Tensors;

/** FLUX's view of latents as a sequence: each position is a square of 2x2 latents, its 4 Z values ordered channel, row, column. */
public final class LatentPacking {
    /** Latents along each side of a position. */
    static final int SIDE = 2;

    private LatentPacking() {}

    /** [B, Z, 2 h, 2 w] to [B, h * w, 4 Z]. */
    public static Tensor pack(Tensor latents_BZYX) {
        long[] s = Tensors.shape(latents_BZYX);
        long h = s[2] / SIDE;
        long w = s[3] / SIDE;
        return latents_BZYX.view(s[0], s[1], h, SIDE, w, SIDE).permute(0, 2, 4, 1, 3, 5).reshape(s[0], h * w, s[1] * SIDE * SIDE);
    }

    /** [B, h * w, 4 Z] to [B, Z, 2 h, 2 w]. */
    public static Tensor unpack(Tensor packed_BLC, int h, int w) {
        long batch = packed_BLC.size(0);
        long z = packed_BLC.size(2) / (SIDE * SIDE);
        return packed_BLC.view(batch, h, w, z, SIDE, SIDE).permute(0, 3, 1, 4, 2, 5).reshape(batch, z, (long) h * SIDE, (long) w * SIDE);
    }
}
