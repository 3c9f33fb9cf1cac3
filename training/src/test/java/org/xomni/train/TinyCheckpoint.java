package org.xomni.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.xomni.data.Picture;
import org.xomni.data.Sample;
import org.xomni.data.SampleSource;
import org.xomni.data.signs.SignsVocabulary;
import org.xomni.data.signs.SignsWorld;
import org.xomni.data.signs.Split;
import org.xomni.decoder.Vae;
import org.xomni.decoder.VaeConfig;
import org.xomni.image.ImageTokens;
import org.xomni.image.Pixels;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.Numerics;
import org.xomni.tensor.ParameterStore;
import org.xomni.tensor.Scope;
import org.xomni.tokenizer.EncoderConfig;
import org.xomni.tokenizer.TokenizerConfig;
import org.xomni.tokenizer.VectorQuantizer;
import org.xomni.tokenizer.VisionTransformer;

/** A checkpoint of mini's form and of few parameters, with fresh weights where a stage needs frozen ones. */
final class TinyCheckpoint {
    static final int GRID = 6;
    private static final int VOCABULARY = 512;
    private static final int CODES = 64;
    static final Numerics FP32 = Numerics.cpu(DType.FLOAT32);

    private TinyCheckpoint() {}

    /** Configurations only. */
    static Path configured(Path folder) {
        try {
            Path model = Files.createDirectories(folder.resolve("model"));
            Files.createDirectories(model.resolve("decoder"));
            Path flux = Files.createDirectories(folder.resolve("flux").resolve("vae"));
            Files.writeString(model.resolve("config.json"), """
                    {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_mm_adap_layers": 1, "num_mm_head_layers": 1,
                     "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": %d, "mm_vocab_size": %d, "image_vocab_size": %d,
                     "max_position_embeddings": 512, "mm_special_tokens": ["<SOM>", "<EOM>", "<IMAGE>"],
                     "vision_config": {
                       "encoder": {"siglip_name": "tiny", "siglip_path": "siglip.pt", "projector_path": "projector.pt", "z_channels": 32,
                         "codebook_size": %d, "codebook_dim": 8, "siglip_config": {"width": 32, "layers": 1, "heads": 2, "patch_size": 16, "mlp_ratio": 2}},
                       "transform": {"min_short_size": 32, "max_aspect_ratio": 3.0, "short_size": 96, "long_size": 160, "patch_size": 16},
                       "decoder": {"num_inference_steps": 2}}}
                    """.formatted(VOCABULARY, CODES + 16, CODES, CODES));
            Files.writeString(model.resolve("decoder").resolve("config.json"), """
                    {"attention_head_dim": 8, "axes_dims_rope": [4, 2, 2], "in_channels": 16, "joint_attention_dim": 8, "num_attention_heads": 4,
                     "num_layers": 1, "num_single_layers": 1, "pooled_projection_dim": 8, "siglip_channels": 32}
                    """);
            Files.writeString(flux.resolve("config.json"), """
                    {"block_out_channels": [8, 8, 8, 8], "latent_channels": 4, "layers_per_block": 1, "mid_block_add_attention": false,
                     "norm_num_groups": 0, "scaling_factor": 1.0, "use_quant_conv": false, "use_post_quant_conv": false}
                    """);
            Files.writeString(Files.createDirectories(folder.resolve("flux").resolve("scheduler")).resolve("scheduler_config.json"), """
                    {"num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": false}
                    """);
            SignsVocabulary.write(model, VOCABULARY, CODES);
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Configurations and fresh weights of tokenizer and autoencoder, which later stages keep frozen. */
    static Path withFrozenParts(Path folder) {
        configured(folder);
        EncoderConfig encoder = TokenizerConfig.read(folder.resolve("model")).encoder();
        try (ParameterStore vit = ParameterStore.trainable("ViT", Map.of(), Initial.normal(1, 0), FP32);
                ParameterStore quantizer = ParameterStore.trainable("quantiser", Map.of(), Initial.normal(2, 0), FP32)) {
            Object unused = VisionTransformer.of(vit.root(), encoder.vit(), GRID);
            Object alsoUnused = VectorQuantizer.of(quantizer.root(), encoder);
            Exports.torchArchive(folder.resolve("model").resolve("siglip.pt"), "vit", named("vit", vit.parameters()));
            Exports.torchArchive(folder.resolve("model").resolve("projector.pt"), "quantizer", named("quantizer", quantizer.parameters()));
        }
        Path vaeFolder = folder.resolve("flux").resolve("vae");
        VaeConfig config = VaeConfig.of(ConfigFile.read(vaeFolder.resolve("config.json")));
        int z = config.latentChannels();
        try (Vae vae = new Vae(config, ParameterStore.trainable("VAE", Map.of(), Initial.normal(3, 0), FP32)); Scope scope = Scope.frozen()) {
            // Latents of a trained autoencoder hardly vary; if they did, no decoder could learn them by heart.
            Tensor deviations = parameter(vae, "encoder.conv_out.weight").narrow(0, z, z).zero_();
            Tensor bias = parameter(vae, "encoder.conv_out.bias").narrow(0, z, z).fill_(new Scalar(-12));
            Exports.safetensors(vaeFolder.resolve("diffusion_pytorch_model.safetensors"), "vae", named("vae", vae.parameters().parameters()));
        }
        return folder;
    }

    private static Tensor parameter(Vae vae, String name) {
        return Objects.requireNonNull(vae.parameters().parameters().get(name));
    }

    private static Map<String, Tensor> named(String component, Map<String, Tensor> parameters) {
        return ParameterGroup.of(component, parameters, name -> true, 1).parameters();
    }

    /** Signs of one size, so that batches are stable; the first {@code distinct} samples over and over. */
    static SampleSource signs(SignsWorld.Tasks tasks, int distinct) {
        SignsWorld world = new SignsWorld(5, Split.TRAIN, tasks, List.of(new SignsWorld.Size(96, 96)));
        return index -> world.sample(index % distinct);
    }

    /** The same with pictures as tokens; the tokens are a function of the picture. */
    static SampleSource tokenised(SignsWorld.Tasks tasks, int distinct) {
        SampleSource raw = signs(tasks, distinct);
        return index -> {
            Sample sample = raw.sample(index);
            return sample.withPictures(sample.pictures().stream().map(TinyCheckpoint::tokens).toList());
        };
    }

    private static Picture tokens(Picture picture) {
        Pixels pixels = ((Picture.Raw) picture).pixels();
        int[] ids = new int[36];
        for (int i = 0; i < ids.length; i++) {
            int y = i / 6 * 16 + 8;
            int x = i % 6 * 16 + 8;
            ids[i] = (pixels.get(y, x, 0) / 64 * 16 + pixels.get(y, x, 1) / 64 * 4 + pixels.get(y, x, 2) / 64) % CODES;
        }
        return new Picture.Tokenised(new ImageTokens(6, 6, ids));
    }
}
