package org.xomni.train;

// Shapes: B images, Y x X pixels, h x w tokens, N = B*h*w tokens, C code dimension, P = 3*p*p values of a patch of p x p pixels.

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.xomni.nn.Linear;
import org.xomni.tensor.ParameterStore;

/**
 * Paints each token's patch of pixels from its code alone: the dense auxiliary loss of {@link TokenizerStage}, an addition to the paper. It is
 * no part of a checkpoint.
 *
 * @param store its owner
 * @param first C to hidden
 * @param second hidden to P
 * @param patch p
 */
record PatchPainter(ParameterStore store, Linear first, Linear second, long patch) implements AutoCloseable {
    /** Channels of a patch that differ by less, of 2, show one colour. */
    private static final double FLAT = 0.02;
    /** How much more patches count that show something. */
    private static final double DETAIL = 4;

    static PatchPainter of(ParameterStore store, int codeWidth, int hidden, int patch) {
        return new PatchPainter(
                store,
                Linear.of(store.root().at("first"), codeWidth, hidden),
                Linear.of(store.root().at("second"), hidden, 3L * patch * patch),
                patch);
    }

    /** Codes [N, C] to patches [N, P]. */
    Tensor patches(Tensor code_NC) {
        return second.forward(torch.gelu(first.forward(code_NC.to(store.root().numerics().computeType()))));
    }

    /** Codes of a grid, [B*h*w, C], to images [B, 3, Y, X]. */
    Tensor images(Tensor code_NC, long h, long w) {
        return patches(code_NC).view(-1, h, w, 3, patch, patch).permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, h * patch, w * patch);
    }

    /** Mean squared error against images [B, 3, Y, X]; patches that show more than one colour count four times. */
    Tensor loss(Tensor code_NC, Tensor x_B3YX) {
        long h = x_B3YX.size(2) / patch;
        long w = x_B3YX.size(3) / patch;
        Tensor wanted_NP = x_B3YX.view(-1, 3, h, patch, w, patch).permute(0, 2, 4, 1, 3, 5).reshape(-1, 3 * patch * patch);
        Tensor channels = wanted_NP.view(wanted_NP.size(0), 3, -1);
        Tensor range_N1 = channels.amax(new long[] {2}, false).sub(channels.amin(new long[] {2}, false)).amax(new long[] {1}, true);
        Tensor weight_N1 = range_N1.gt(new Scalar(FLAT)).to(ScalarType.Float).mul(new Scalar(DETAIL - 1)).add(new Scalar(1));
        Tensor error_N1 = patches(code_NC).to(ScalarType.Float).sub(wanted_NP).square().mean(new long[] {1}, true, new ScalarTypeOptional());
        return error_N1.mul(weight_N1).sum().div(weight_N1.sum());
    }

    @Override
    public void close() {
        store.close();
    }
}
