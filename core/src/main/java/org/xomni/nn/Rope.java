package org.xomni.nn;

import static org.bytedeco.pytorch.global.torch.arange;
import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.outer;
import static org.bytedeco.pytorch.global.torch.pow;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.tensor.Parameters;

/**
 * Rotary position embedding in one dimension, the form of Llama and Qwen: the two halves of a head are the real and imaginary parts, turned by
 * {@code position * theta^(-2i/K)}.
 *
 * @param cos [positions, K/2] fp32
 * @param sin [positions, K/2] fp32
 */
public record Rope(Tensor cos, Tensor sin) {

    /** Tables for positions 0 .. positions-1. */
    public static Rope of(Parameters p, long positions, long headWidth, double theta) {
        Tensor angle = p.derive(() -> {
            TensorOptions fp32 = new TensorOptions(ScalarType.Float);
            Tensor exponent = arange(new Scalar(0), new Scalar(headWidth), new Scalar(2), fp32).div(new Scalar((double) headWidth));
            Tensor frequency = pow(new Scalar(theta), exponent).reciprocal();
            return outer(arange(new Scalar(positions), fp32), frequency).to(p.numerics().torchDevice(), ScalarType.Float);
        });
        return new Rope(p.derive(angle::cos), p.derive(angle::sin));
    }

    /** The tables of positions from .. from+length-1, to turn [B, H, length, K]. */
    public Rope range(long from, long length) {
        return new Rope(cos.narrow(0, from, length), sin.narrow(0, from, length));
    }

    /** The tables of one position for each of B rows, to turn [B, H, 1, K]; {@code positions} int64 [B]. */
    public Rope rows(Tensor positions) {
        return new Rope(cos.index_select(0, positions).unsqueeze(1).unsqueeze(1), sin.index_select(0, positions).unsqueeze(1).unsqueeze(1));
    }

    /** The tables of any positions, to turn [B, H, L, K]; {@code positions} int64 [B, L]. */
    public Rope at(Tensor positions_BL) {
        long[] shape = {positions_BL.size(0), 1, positions_BL.size(1), cos.size(1)};
        Tensor flat = positions_BL.reshape(-1);
        return new Rope(cos.index_select(0, flat).view(shape), sin.index_select(0, flat).view(shape));
    }

    /** Turns queries or keys [B, H, L, K]. */
    public Tensor turn(Tensor x_BHLK) {
        ScalarType type = x_BHLK.scalar_type();
        Tensor c = cos.to(type);
        Tensor s = sin.to(type);
        long half = x_BHLK.size(-1) / 2;
        Tensor re = x_BHLK.narrow(-1, 0, half);
        Tensor im = x_BHLK.narrow(-1, half, half);
        return cat(new TensorVector(re.mul(c).sub(im.mul(s)), im.mul(c).add(re.mul(s))), -1);
    }
}
