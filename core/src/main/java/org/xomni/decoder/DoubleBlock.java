package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.cat;
import static org.bytedeco.pytorch.global.torch.gelu;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.xomni.nn.Linear;
import org.xomni.tensor.Parameters;

/** The first kind of block, in which text and image have weights of their own and meet in attention. */
sealed interface DoubleBlock {

    /** [B, N, D], text first, to [B, N, D]. */
    Tensor forward(Tensor x_BND, Tensor temb_BD, AxialRope rope);

    /** {@code W2 gelu(W1 x)}, four times as wide inside. */
    record FeedForward(Linear in, Linear out) {
        static FeedForward of(Parameters p, long width) {
            return new FeedForward(Linear.of(p.at("net.0.proj"), width, 4 * width), Linear.of(p.at("net.2"), 4 * width, width));
        }

        Tensor forward(Tensor x) {
            return out.forward(gelu(in.forward(x), "tanh"));
        }
    }

    /**
     * What one stream does before and after attention.
     *
     * @param modulation six parts: shift, scale and gate for attention, then for the feed-forward layer
     */
    record Stream(Modulation modulation, Heads heads, FeedForward feedForward) {

        Heads.Projected project(Tensor x_BLD, Tensor parts) {
            return heads.project(modulation.modulate(x_BLD, modulation.part(parts, 0), modulation.part(parts, 1)));
        }

        /** Adds what attention gathered, then the feed-forward layer. */
        Tensor update(Tensor x_BLD, Tensor gathered_BLD, Tensor parts) {
            Tensor x = x_BLD.add(modulation.part(parts, 2).mul(gathered_BLD));
            Tensor inner = feedForward.forward(modulation.modulate(x, modulation.part(parts, 3), modulation.part(parts, 4)));
            return x.add(modulation.part(parts, 5).mul(inner));
        }
    }

    /** With text (X-Omni En). */
    record Joint(Stream text, Linear textOut, Stream image, Linear imageOut) implements DoubleBlock {

        static Joint of(Parameters p, DecoderConfig c) {
            long width = c.width();
            Parameters attention = p.at("attn");
            return new Joint(
                    new Stream(
                            Modulation.of(p.at("norm1_context"), width, 6),
                            Heads.ofText(attention, c),
                            FeedForward.of(p.at("ff_context"), width)),
                    Linear.of(attention.at("to_add_out"), width, width),
                    imageStream(p, c),
                    Linear.of(attention.at("to_out.0"), width, width));
        }

        @Override
        public Tensor forward(Tensor x_BND, Tensor temb_BD, AxialRope rope) {
            long s = rope.text();
            long l = x_BND.size(1) - s;
            Tensor xText = x_BND.narrow(1, 0, s);
            Tensor xImage = x_BND.narrow(1, s, l);
            Tensor textParts = text.modulation.parts(temb_BD);
            Tensor imageParts = image.modulation.parts(temb_BD);
            Tensor gathered = text.project(xText, textParts).then(image.project(xImage, imageParts)).attend(rope);
            return cat(
                    new TensorVector(
                            text.update(xText, textOut.forward(gathered.narrow(1, 0, s)), textParts),
                            image.update(xImage, imageOut.forward(gathered.narrow(1, s, l)), imageParts)),
                    1);
        }
    }

    /** Without text (X-Omni Zh). What attention gathers is added as it is: the file's output projection was never trained to be applied. */
    record ImageOnly(Stream image) implements DoubleBlock {

        static ImageOnly of(Parameters p, DecoderConfig c) {
            Parameters out = p.at("attn").at("to_out.0");
            out.ignore("weight");
            out.ignore("bias");
            return new ImageOnly(imageStream(p, c));
        }

        @Override
        public Tensor forward(Tensor x_BND, Tensor temb_BD, AxialRope rope) {
            Tensor parts = image.modulation.parts(temb_BD);
            return image.update(x_BND, image.project(x_BND, parts).attend(rope), parts);
        }
    }

    private static Stream imageStream(Parameters p, DecoderConfig c) {
        return new Stream(
                Modulation.of(p.at("norm1"), c.width(), 6), Heads.of(p.at("attn"), c), FeedForward.of(p.at("ff"), c.width()));
    }
}
