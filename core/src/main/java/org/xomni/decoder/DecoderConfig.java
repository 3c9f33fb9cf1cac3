package org.xomni.decoder;

import static org.xomni.decoder.ConfigCheck.inRange;
import static org.xomni.decoder.ConfigCheck.invalid;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.xomni.tensor.ConfigFile;

/**
 * The {@code config.json} of the diffusion transformer ({@code FluxTransformer2DModelWithSigLIP}).
 *
 * @param attentionHeadDim K, the sum of {@code axesDimsRope}
 * @param numAttentionHeads H; the width D is {@code H * K}
 * @param axesDimsRope how many of the K dimensions each of the three position axes (time, row, column) turns; each even
 * @param inChannels C, the channels of packed latents, in and out
 * @param numLayers double blocks
 * @param numSingleLayers single blocks
 * @param jointAttentionDim J, the width of the prompt's vectors
 * @param pooledProjectionDim P, the width of the pooled prompt
 * @param siglipChannels T, the width of token features
 * @param guidanceEmbeds whether the strength of distilled guidance is an input
 */
public record DecoderConfig(
        int attentionHeadDim,
        int numAttentionHeads,
        List<Integer> axesDimsRope,
        int inChannels,
        int numLayers,
        int numSingleLayers,
        int jointAttentionDim,
        int pooledProjectionDim,
        int siglipChannels,
        boolean guidanceEmbeds) {
    private static final String WHAT = "the diffusion transformer";
    /** Between a decoder and its model. */
    private static final int MOST_FOLDERS = 3;

    public DecoderConfig {
        axesDimsRope = List.copyOf(axesDimsRope);
        inRange(WHAT, "attention_head_dim", attentionHeadDim, 2, 1024);
        inRange(WHAT, "num_attention_heads", numAttentionHeads, 1, 1024);
        inRange(WHAT, "in_channels", inChannels, 4, 4096);
        inRange(WHAT, "num_layers", numLayers, 1, 1000);
        inRange(WHAT, "num_single_layers", numSingleLayers, 0, 1000);
        inRange(WHAT, "joint_attention_dim", jointAttentionDim, 1, 1 << 16);
        inRange(WHAT, "pooled_projection_dim", pooledProjectionDim, 1, 1 << 16);
        inRange(WHAT, "siglip_channels", siglipChannels, 1, 1 << 16);
        boolean axes = axesDimsRope.size() == 3
                && axesDimsRope.stream().allMatch(d -> d >= 2 && d <= 1024 && d % 2 == 0)
                && axesDimsRope.stream().mapToInt(d -> d).sum() == attentionHeadDim;
        if (!axes) {
            throw invalid(WHAT, "axes_dims_rope is " + axesDimsRope + ", expected three even numbers that add up to attention_head_dim "
                    + attentionHeadDim);
        }
    }

    /** Reads {@code config.json}; what it leaves out is as in FLUX.1, whose published file does. */
    public static DecoderConfig of(ConfigFile json) {
        DecoderConfig config = new DecoderConfig(
                json.integer("attention_head_dim", 128),
                json.integer("num_attention_heads", 24),
                json.has("axes_dims_rope") ? json.integers("axes_dims_rope") : List.of(16, 56, 56),
                json.integer("in_channels", 64),
                json.integer("num_layers", 19),
                json.integer("num_single_layers", 38),
                json.integer("joint_attention_dim", 4096),
                json.integer("pooled_projection_dim", 768),
                siglipChannels(json),
                json.flag("guidance_embeds", false));
        if (json.integer("out_channels", config.inChannels) != config.inChannels) {
            throw invalid(WHAT, "out_channels is " + json.integer("out_channels") + ", expected in_channels " + config.inChannels);
        }
        if (json.integer("patch_size", 1) != 1) {
            throw invalid(WHAT, "patch_size is " + json.integer("patch_size") + ", expected 1");
        }
        return config;
    }

    /**
     * The width of the quantiser's features, which the model's {@code config.json} says, some folders above the decoder's; the reference looks nowhere else. A decoder that stands
     * alone says it itself.
     */
    private static int siglipChannels(ConfigFile json) {
        Path folder = json.file().toAbsolutePath().normalize().getParent();
        for (int up = 0; up < MOST_FOLDERS && folder != null; up++) {
            folder = folder.getParent();
            Path model = folder == null ? null : folder.resolve("config.json");
            if (model != null && Files.isRegularFile(model)) {
                Optional<ConfigFile> vision = ConfigFile.read(model).optionalChild("vision_config");
                if (vision.isPresent()) {
                    return vision.get().child("encoder").integer("z_channels", 1536);
                }
            }
        }
        return json.integer("siglip_channels");
    }

    /** D. */
    public int width() {
        return numAttentionHeads * attentionHeadDim;
    }
}
