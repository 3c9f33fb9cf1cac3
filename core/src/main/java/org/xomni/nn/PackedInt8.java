package org.xomni.nn;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/** A matrix of 8-bit weights as this CPU multiplies it fastest. */
public sealed interface PackedInt8 permits Int8Lanes, Int8Panels {

    /**
     * Packs a matrix.
     *
     * @param weight [R, C], any float type
     * @param scale [R, 1] fp32; {@code weight / scale} must lie in -128..127
     * @param keep makes each tensor that is packed, and sees to it that it lives as long as it is needed
     */
    static PackedInt8 pack(Tensor weight, Tensor scale, Keep keep) {
        return Int8Panels.suit(weight.size(1)) ? Int8Panels.pack(weight, scale, keep) : Int8Lanes.pack(weight, scale, keep);
    }

    /** Makes a tensor that outlives its maker. */
    @FunctionalInterface
    interface Keep {
        /** What the maker makes. */
        Tensor made(Supplier<Tensor> maker);
    }

    /**
     * The weights that the kernel multiplies by, before the scale.
     *
     * @param rows of the matrix, which may be padded here
     * @param columns of the matrix
     * @return fp32 [rows, columns]
     */
    Tensor steps(long rows, long columns);

    /** The same for the first rows, and perhaps some more; shares memory. */
    PackedInt8 firstRows(long rows);
}
