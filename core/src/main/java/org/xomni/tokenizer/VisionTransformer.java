package org.xomni.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.xomni.nn.Attention;
import org.xomni.nn.Conv2d;
import org.xomni.nn.LayerNorm;
import org.xomni.nn.Linear;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.StoredTensor;

/**
 * SigLIP2's ViT at any resolution: patches, learned positions resized to the image's grid, pre-norm blocks with full attention. There is
 * no class token, and neither a norm nor a head comes after the last block.
 *
 * @param patches the convolution that makes one vector of each patch
 * @param positions [1, n*n, D] fp32, a square grid of learned positions
 * @param grid n
 * @param blocks first to last
 */
public record VisionTransformer(Conv2d patches, Tensor positions, int grid, List<Block> blocks) {
    private static final double EPS = 1e-6;
    private static final String POSITIONS = "pos_embed";
    private static final int MOST_POSITIONS = 1 << 20;

    /**
     * The ViT whose grid of positions has {@code grid} rows and columns.
     *
     * @param p the root of {@code siglip.pt}
     */
    public static VisionTransformer of(Parameters p, VitConfig c, int grid) {
        return new VisionTransformer(
                Conv2d.of(p.at("patch_embed").at("proj"), 3, c.width(), c.patchSize(), c.patchSize(), 0),
                p.exact(POSITIONS, 1, (long) grid * grid, c.width()),
                grid,
                IntStream.range(0, c.layers()).mapToObj(i -> Block.of(p.at("blocks", i), c)).toList());
    }

    /**
     * How many rows and columns the stored grid of positions has, which no config says.
     *
     * @throws CheckpointException if it is missing or not square
     */
    public static int grid(Map<String, StoredTensor> siglip) {
        StoredTensor stored = siglip.get(POSITIONS);
        long[] shape = stored == null ? new long[0] : stored.shape();
        long side = shape.length == 3 && shape[1] <= MOST_POSITIONS ? Math.round(Math.sqrt((double) shape[1])) : 0;
        if (side == 0 || side * side != shape[1]) {
            throw new CheckpointException(POSITIONS + (stored == null ? " is missing" : " has shape " + StoredTensor.shapeText(shape))
                    + ", expected [1, n*n, width]; restore siglip_path from the original checkpoint");
        }
        return (int) side;
    }

    /** Images [B, 3, Y, X] in -1..1, sides divisible by the patch size, to features [B, h*w, D]. */
    public Tensor forward(Tensor images) {
        Tensor patches_BDhw = patches.forward(images);
        Tensor x_BLD = patches_BDhw
                .add(positions(patches_BDhw.size(2), patches_BDhw.size(3)).to(patches_BDhw.scalar_type()))
                .flatten(2, 3)
                .transpose(1, 2);
        for (Block block : blocks) {
            x_BLD = Scope.next(x_BLD, block::forward);
        }
        return x_BLD;
    }

    /** The learned positions at the size of an image, fp32 [1, D, h, w]. */
    private Tensor positions(long h, long w) {
        Tensor learned = positions.view(1, grid, grid, positions.size(2)).permute(0, 3, 1, 2);
        return torch.upsample_bilinear2d(learned, new long[] {h, w}, false);
    }

    /**
     * One layer.
     *
     * @param heads H
     * @param qkv [3*D, D], the queries of all heads first
     */
    public record Block(int heads, LayerNorm norm1, Linear qkv, Linear proj, LayerNorm norm2, Linear fc1, Linear fc2) {

        static Block of(Parameters p, VitConfig c) {
            return new Block(
                    c.heads(),
                    LayerNorm.of(p.at("norm1"), c.width(), EPS),
                    Linear.of(p.at("attn").at("qkv"), c.width(), 3L * c.width()),
                    Linear.of(p.at("attn").at("proj"), c.width(), c.width()),
                    LayerNorm.of(p.at("norm2"), c.width(), EPS),
                    Linear.of(p.at("mlp").at("fc1"), c.width(), c.mlpWidth()),
                    Linear.of(p.at("mlp").at("fc2"), c.mlpWidth(), c.width()));
        }

        /** [B, L, D] to [B, L, D]. */
        public Tensor forward(Tensor x_BLD) {
            Tensor seen = x_BLD.add(attention(norm1.forward(x_BLD)));
            return seen.add(fc2.forward(torch.gelu(fc1.forward(norm2.forward(seen)))));
        }

        private Tensor attention(Tensor x_BLD) {
            Tensor[] qkv_BLD = qkv.forward(x_BLD).chunk(3, 2).get();
            Tensor seen_BHLK = Attention.full(
                    Attention.heads(qkv_BLD[0], heads), Attention.heads(qkv_BLD[1], heads), Attention.heads(qkv_BLD[2], heads));
            return proj.forward(Attention.merge(seen_BHLK));
        }
    }
}
