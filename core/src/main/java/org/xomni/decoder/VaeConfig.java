package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.divides;
import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import java.util.List;
import org.xomni.tensor.ConfigFile;

/**
 * The {@code config.json} of the variational autoencoder ({@code AutoencoderKL}).
 *
 * @param latentChannels Z
 * @param blockOutChannels the channels at full resolution, at half, and so on
 * @param layersPerBlock residual blocks at each resolution of the encoder; the decoder has one more
 * @param normNumGroups divides all of {@code blockOutChannels}; 0 for an autoencoder without norms, which small ones learn faster (an extension
 *     of this project)
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
        inRange(WHAT, "norm_num_groups", normNumGroups, 0, 1 << 13);
        inRange(WHAT, "scaling_factor", scalingFactor, 1e-6, 1e6);
        inRange(WHAT, "shift_factor", shiftFactor, -1e6, 1e6);
        inRange(WHAT, "the count of block_out_channels", blockOutChannels.size(), 1, 6);
        for (int channels : blockOutChannels) {
            inRange(WHAT, "a value of block_out_channels", channels, 1, 1 << 13);
            if (normNumGroups > 0) {
                divides(WHAT, "norm_num_groups", normNumGroups, "block_out_channels", channels);
            }
        }
    }

    /** Reads {@code config.json}. */
    public static VaeConfig of(ConfigFile json) {
        for (String name : List.of("in_channels", "out_channels")) {
            if (json.integer(name, 3) != 3) {
                throw invalid(WHAT, name + " is " + json.integer(name) + ", expected 3");
            }
        }
        if (!json.text("act_fn", "silu").equals("silu")) {
            throw invalid(WHAT, "act_fn is " + json.text("act_fn", "") + ", expected silu");
        }
        return new VaeConfig(
                json.integer("latent_channels"),
                json.integers("block_out_channels"),
                json.integer("layers_per_block", 1),
                json.integer("norm_num_groups", 32),
                json.flag("mid_block_add_attention", true),
                json.number("scaling_factor"),
                json.number("shift_factor", 0),
                json.flag("use_quant_conv", true),
                json.flag("use_post_quant_conv", true));
    }

    /** Pixels along each side of one latent position. */
    public int downscale() {
        return 1 << (blockOutChannels.size() - 1);
    }
}
