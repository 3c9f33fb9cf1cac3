package org.xomni.decoder;

import static org.bytedeco.pytorch.global.torch.constant_pad_nd;
import static org.bytedeco.pytorch.global.torch.silu;
import static org.bytedeco.pytorch.global.torch.upsample_nearest2d;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.xomni.nn.Attention;
import org.xomni.nn.Conv2d;
import org.xomni.nn.GroupNorm;
import org.xomni.nn.Linear;
import org.xomni.tensor.Parameters;
import org.xomni.tensor.Scope;
import org.xomni.tensor.Tensors;

/**
 * One half of the VAE: layers in a row, each from [B, channels, Y, X] to the same at its own resolution.
 *
 * @param layers of which only one's memory is held at a time
 */
record VaeLayers(List<UnaryOperator<Tensor>> layers) {
    private static final double EPS = 1e-6;

    /** Pixels [B, 3, Y, X] to mean and log-variance [B, 2 Z, Y/f, X/f]. */
    static VaeLayers encoder(Parameters p, VaeConfig c) {
        List<Integer> channels = c.blockOutChannels();
        List<UnaryOperator<Tensor>> layers = new ArrayList<>();
        layers.add(Conv2d.of(p.at("conv_in"), 3, channels.getFirst(), 3)::forward);
        int in = channels.getFirst();
        for (int level = 0; level < channels.size(); level++) {
            Parameters block = p.at("down_blocks", level);
            int width = channels.get(level);
            for (int i = 0; i < c.layersPerBlock(); i++) {
                layers.add(Residual.of(block.at("resnets", i), c, i == 0 ? in : width, width)::forward);
            }
            if (level < channels.size() - 1) {
                layers.add(Halve.of(block.at("downsamplers.0.conv"), width)::forward);
            }
            in = width;
        }
        addMiddle(layers, p.at("mid_block"), c);
        addHead(layers, p, c, channels.getLast(), 2 * c.latentChannels());
        return new VaeLayers(List.copyOf(layers));
    }

    /** Latents [B, Z, Y/f, X/f] to pixels [B, 3, Y, X]. */
    static VaeLayers decoder(Parameters p, VaeConfig c) {
        List<Integer> channels = c.blockOutChannels().reversed();
        List<UnaryOperator<Tensor>> layers = new ArrayList<>();
        layers.add(Conv2d.of(p.at("conv_in"), c.latentChannels(), channels.getFirst(), 3)::forward);
        addMiddle(layers, p.at("mid_block"), c);
        int in = channels.getFirst();
        for (int level = 0; level < channels.size(); level++) {
            Parameters block = p.at("up_blocks", level);
            int width = channels.get(level);
            for (int i = 0; i <= c.layersPerBlock(); i++) {
                layers.add(Residual.of(block.at("resnets", i), c, i == 0 ? in : width, width)::forward);
            }
            if (level < channels.size() - 1) {
                layers.add(Twice.of(block.at("upsamplers.0.conv"), width)::forward);
            }
            in = width;
        }
        addHead(layers, p, c, channels.getLast(), 3);
        return new VaeLayers(List.copyOf(layers));
    }

    private static void addMiddle(List<UnaryOperator<Tensor>> layers, Parameters p, VaeConfig c) {
        int width = c.blockOutChannels().getLast();
        layers.add(Residual.of(p.at("resnets.0"), c, width, width)::forward);
        if (c.midBlockAddAttention()) {
            layers.add(PositionAttention.of(p.at("attentions.0"), c, width)::forward);
        }
        layers.add(Residual.of(p.at("resnets.1"), c, width, width)::forward);
    }

    private static void addHead(List<UnaryOperator<Tensor>> layers, Parameters p, VaeConfig c, int in, int out) {
        Norm norm = Norm.of(p.at("conv_norm_out"), c, in);
        Conv2d conv = Conv2d.of(p.at("conv_out"), in, out, 3);
        layers.add(x -> conv.forward(silu(norm.forward(x))));
    }

    /**
     * Group norm, or nothing.
     *
     * @param groups null in autoencoders without norms
     */
    private record Norm(@Nullable GroupNorm groups) {

        static Norm of(Parameters p, VaeConfig c, long channels) {
            return new Norm(c.normNumGroups() == 0 ? null : GroupNorm.of(p, c.normNumGroups(), channels, EPS));
        }

        Tensor forward(Tensor x) {
            return groups == null ? x : groups.forward(x);
        }
    }

    /** All layers; {@code x} stays the caller's. */
    Tensor forward(Tensor x) {
        Tensor h = Scope.only(() -> layers.getFirst().apply(x));
        for (UnaryOperator<Tensor> layer : layers.subList(1, layers.size())) {
            h = Scope.next(h, layer);
        }
        return h;
    }

    /**
     * {@code x + conv(silu(norm(conv(silu(norm(x))))))}.
     *
     * @param shortcut 1x1, for x, where the channels change
     */
    private record Residual(Norm norm1, Conv2d conv1, Norm norm2, Conv2d conv2, @Nullable Conv2d shortcut) {

        static Residual of(Parameters p, VaeConfig c, long in, long out) {
            return new Residual(
                    Norm.of(p.at("norm1"), c, in),
                    Conv2d.of(p.at("conv1"), in, out, 3),
                    Norm.of(p.at("norm2"), c, out),
                    Conv2d.of(p.at("conv2"), out, out, 3),
                    in == out ? null : Conv2d.of(p.at("conv_shortcut"), in, out, 1));
        }

        Tensor forward(Tensor x) {
            Tensor first = Scope.only(() -> conv1.forward(silu(norm1.forward(x))));
            Tensor second = Scope.next(first, h -> conv2.forward(silu(norm2.forward(h))));
            return (shortcut == null ? x : shortcut.forward(x)).add(second);
        }
    }

    /** Every position attends to every other, with one head as wide as the channels. */
    private record PositionAttention(Norm norm, Linear q, Linear k, Linear v, Linear out) {

        static PositionAttention of(Parameters p, VaeConfig c, long width) {
            return new PositionAttention(
                    Norm.of(p.at("group_norm"), c, width),
                    Linear.of(p.at("to_q"), width, width),
                    Linear.of(p.at("to_k"), width, width),
                    Linear.of(p.at("to_v"), width, width),
                    Linear.of(p.at("to_out.0"), width, width));
        }

        Tensor forward(Tensor x_BCYX) {
            Tensor positions_BLC = norm.forward(x_BCYX).flatten(2, 3).transpose(1, 2);
            Tensor gathered_BLC = Attention.merge(Attention.full(
                    Attention.heads(q.forward(positions_BLC), 1),
                    Attention.heads(k.forward(positions_BLC), 1),
                    Attention.heads(v.forward(positions_BLC), 1)));
            return x_BCYX.add(out.forward(gathered_BLC).transpose(1, 2).reshape(Tensors.shape(x_BCYX)));
        }
    }

    /** Halves both sides: a convolution with stride 2 over x with one more row and column of zeros, at the bottom and at the right only. */
    private record Halve(Conv2d conv) {

        static Halve of(Parameters p, long width) {
            return new Halve(Conv2d.of(p, width, width, 3, 2, 0));
        }

        Tensor forward(Tensor x) {
            return conv.forward(constant_pad_nd(x, 0, 1, 0, 1));
        }
    }

    /** Doubles both sides: repeats each pixel, then convolves. */
    private record Twice(Conv2d conv) {

        static Twice of(Parameters p, long width) {
            return new Twice(Conv2d.of(p, width, width, 3));
        }

        Tensor forward(Tensor x) {
            return conv.forward(upsample_nearest2d(x, 2 * x.size(2), 2 * x.size(3)));
        }
    }
}
