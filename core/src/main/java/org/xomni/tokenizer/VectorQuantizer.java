package org.xomni.tokenizer;

import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.xomni.nn.Conv2d;
import org.xomni.nn.GroupNorm;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;

/**
 * The quantiser (paper section 3.1, after IBQ): a feature becomes the index of the nearest code, and a code becomes a feature again.
 *
 * <p>The way there compares directions (as the reference does, whatever {@code with_norm} says); the way back looks up the code as it is stored, with its length.
 *
 * @param toCode 1x1, D to C
 * @param codebook [K, C] fp32, since close calls between codes must not depend on the precision of weights
 * @param fromCode 1x1, C to D
 * @param residuals refine features with their neighbours, first to last
 */
public record VectorQuantizer(Conv2d toCode, Tensor codebook, Conv2d fromCode, List<ResidualBlock> residuals) {
    static final int NORM_GROUPS = 32;
    private static final int RESIDUAL_BLOCKS = 2;

    /** How many features are compared with all codes at a time: 64 MiB of scores for 16,384 codes. */
    private static final int COMPARED_AT_ONCE = 1024;

    /** A code of length zero has no direction; this keeps its score at zero. */
    private static final double LEAST_LENGTH = 1e-12;

    /**
     * The quantiser of a checkpoint.
     *
     * @param p the root of {@code projector.pt}
     */
    public static VectorQuantizer of(Parameters p, EncoderConfig c) {
        return new VectorQuantizer(
                Conv2d.of(p.at("quant_conv"), c.zChannels(), c.codebookDim(), 1),
                p.at("quantize").at("embedding").exact("weight", c.codebookSize(), c.codebookDim()),
                Conv2d.of(p.at("post_quant_conv"), c.codebookDim(), c.zChannels(), 1),
                IntStream.range(0, RESIDUAL_BLOCKS).mapToObj(i -> ResidualBlock.of(p.at("post_conv", i), c.zChannels())).toList());
    }

    /** Features [B, D, h, w] to the indices of their codes, int64 [B, h, w]. */
    public Tensor encode(Tensor features) {
        return Scope.only(() -> {
            Tensor z_BhwC = toCode.forward(features).permute(0, 2, 3, 1);
            Tensor z_NC = z_BhwC.reshape(-1, z_BhwC.size(3)).to(codebook.scalar_type());
            Tensor lengths_K = torch.linalg_vector_norm(codebook, new Scalar(2), new long[] {1}, false, new ScalarTypeOptional());
            TensorVector nearest = new TensorVector();
            for (long first = 0; first < z_NC.size(0); first += COMPARED_AT_ONCE) {
                Tensor some_NC = z_NC.narrow(0, first, Math.min(COMPARED_AT_ONCE, z_NC.size(0) - first));
                nearest.push_back(nearest(some_NC, lengths_K));
            }
            return torch.cat(nearest, 0).view(z_BhwC.size(0), z_BhwC.size(1), z_BhwC.size(2));
        });
    }

    /** The feature's own length is the same for all codes, so it does not decide which of them is nearest. */
    private Tensor nearest(Tensor z_NC, Tensor lengths_K) {
        return Scope.only(() -> {
            Tensor products_NK = z_NC.matmul(codebook.t());
            Tensor closeness_NK = products_NK.div_(lengths_K.clamp_min(new Scalar(LEAST_LENGTH)));
            return closeness_NK.argmax(new LongOptional(1), false);
        });
    }

    /** Indices of codes, int64 [B, h, w], to features [B, D, h, w]. */
    public Tensor decode(Tensor codes) {
        return Scope.only(() -> {
            Tensor z_NC = codebook.index_select(0, codes.flatten());
            Tensor z_BChw = z_NC.view(codes.size(0), codes.size(1), codes.size(2), z_NC.size(1)).permute(0, 3, 1, 2);
            return refine(z_BChw.to(fromCode.weight().scalar_type()));
        });
    }

    /** Code vectors [B, C, h, w] to features [B, D, h, w]. */
    public Tensor refine(Tensor z_BChw) {
        Tensor x = fromCode.forward(z_BChw);
        for (ResidualBlock residual : residuals) {
            x = Scope.next(x, residual::forward);
        }
        return x;
    }

    /** Two rounds of group norm, GELU and 3x3 convolution, added to the input. */
    public record ResidualBlock(GroupNorm norm1, Conv2d conv1, GroupNorm norm2, Conv2d conv2) {
        private static final double EPS = 1e-5;

        public static ResidualBlock of(Parameters p, int channels) {
            return new ResidualBlock(
                    GroupNorm.of(p.at("norm1"), NORM_GROUPS, channels, EPS),
                    Conv2d.of(p.at("conv1"), channels, channels, 3),
                    GroupNorm.of(p.at("norm2"), NORM_GROUPS, channels, EPS),
                    Conv2d.of(p.at("conv2"), channels, channels, 3));
        }

        /** [B, D, h, w] to [B, D, h, w]. */
        public Tensor forward(Tensor x) {
            Tensor hidden = conv1.forward(torch.gelu(norm1.forward(x)));
            return x.add(conv2.forward(torch.gelu(norm2.forward(hidden))));
        }
    }
}
