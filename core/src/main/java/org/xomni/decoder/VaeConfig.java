package org.xomni.decoder;

import static org.xomni.decoder.ConfigFields.divides;
import static org.xomni.decoder.ConfigFields.inRange;
import static org.xomni.decoder.ConfigFields.invalid;

import java.nio.file.Path;
import java.util.List;

/**
 * The {@code config.json} of the variational autoencoder ({@code AutoencoderKL}).
 *
 * @param latentChannels Z
 * @param blockOutChannels the channels at full resolution, at half, and so on
 * @param layersPerBlock residual blocks at each resolution of the encoder; the decoder has one more
 * @param normNumGroups divides all of {@code blockOutChannels}
 * @param midBlockAddAttention whether positions attend to each other at the lowest resolution
 * @param scalingFactor the diffusion transformer sees {@code (z - shiftFactor) * scalingFactor}
 * @param shiftFactor see there
 * @param useQuantConv whether a 1x1 convolution follows the encoder
 * @param usePostQuantConv whether a 1x1 convolution precedes the decoder
 */
public record VaeConfig(
        int latentChannels,
        List<Integer> blockOutChannels,
        int layersPerBlock,
        int normNumGroups,
        boolean midBlockAddAttention,
        double scalingFactor,
        double shiftFactor,
        boolean useQuantConv,
        boolean usePostQuantConv) {
    private static final String WHAT = "the VAE";

    public VaeConfig {
        blockOutChannels = List.copyOf(blockOutChannels);
        inRange(WHAT, "latent_channels", latentChannels, 1, 1024);
        inRange(WHAT, "layers_per_block", layersPerBlock, 1, 64);
        inRange(WHAT, "norm_num_groups", normNumGroups, 1, 1 << 13);
        inRange(WHAT, "scaling_factor", scalingFactor, 1e-6, 1e6);
        inRange(WHAT, "shift_factor", shiftFactor, -1e6, 1e6);
        inRange(WHAT, "the count of block_out_channels", blockOutChannels.size(), 1, 6);
        for (int channels : blockOutChannels) {
            inRange(WHAT, "a value of block_out_channels", channels, 1, 1 << 13);
            divides(WHAT, "norm_num_groups", normNumGroups, "block_out_channels", channels);
        }
    }

    /** Reads {@code config.json}. */
    public static VaeConfig read(Path file) {
        ConfigFields f = ConfigFields.read(file);
        for (String name : List.of("in_channels", "out_channels")) {
            if (f.integer(name, 3) != 3) {
                throw invalid(WHAT, name + " is " + f.integer(name) + ", expected 3");
            }
        }
        if (!f.text("act_fn", "silu").equals("silu")) {
            throw invalid(WHAT, "act_fn is " + f.text("act_fn", "") + ", expected silu");
        }
        return new VaeConfig(
                f.integer("latent_channels"),
                f.integers("block_out_channels"),
                f.integer("layers_per_block", 1),
                f.integer("norm_num_groups", 32),
                f.flag("mid_block_add_attention", true),
                f.number("scaling_factor"),
                f.number("shift_factor", 0),
                f.flag("use_quant_conv", true),
                f.flag("use_post_quant_conv", true));
    }

    /** Pixels along each side of one latent position. */
    public int downscale() {
        return 1 << (blockOutChannels.size() - 1);
    }
}
