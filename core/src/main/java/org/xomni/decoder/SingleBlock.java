package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.gelu;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.xomni.nn.Linear;
import org.xomni.tensor.Parameters;

/**
 * The second kind of block: one stream for text and image, attention and feed-forward side by side.
 *
 * @param modulation three parts: shift, scale, gate
 * @param in from D to the feed-forward layer's 4 D
 * @param out from {@code (attention, feed-forward)}, 5 D, to D
 */
record SingleBlock(Modulation modulation, Heads heads, Linear in, Linear out) {

    static SingleBlock of(Parameters p, DecoderConfig c) {
        long width = c.width();
        return new SingleBlock(
                Modulation.of(p.at("norm"), width, 3),
                Heads.of(p.at("attn"), c),
                Linear.of(p.at("proj_mlp"), width, 4 * width),
                Linear.of(p.at("proj_out"), 5 * width, width));
    }

    /** [B, N, D] to [B, N, D]. */
    Tensor forward(Tensor x_BND, Tensor temb_BD, AxialRope rope) {
        Tensor parts = modulation.parts(temb_BD);
        Tensor normed = modulation.modulate(x_BND, modulation.part(parts, 0), modulation.part(parts, 1));
        Tensor gathered = heads.project(normed).attend(rope);
        Tensor inner = gelu(in.forward(normed), "tanh");
        return x_BND.add(modulation.part(parts, 2).mul(out.forward(cat(new TensorVector(gathered, inner), 2))));
    }
}
