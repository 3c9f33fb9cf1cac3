package org.xomni.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.InputException;
import org.xomni.tensor.Json;
import org.xomni.tensor.NewFolder;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A checkpoint to train, put together from existing models: {@code xomni init}. The new folder has {@code model/} and {@code flux/} in the
 * released layout:
 *
 * <pre>
 * model/config.json, tokenizer.json ...      Qwen's, extended
 * model/model*.safetensors                   Qwen's, with fresh parameters for images ({@link QwenCheckpoint})
 * model/siglip.pt                            the ViT, as it is
 * model/decoder/                             FLUX's transformer, with a fresh layer for token features ({@link FluxDecoder})
 * flux/                                      the rest of FLUX, as it is
 * </pre>
 *
 * What is not given is left out, and made by its stage of training; so is {@code model/projector.pt}, the quantiser.
 *
 * @param qwen the folder of a Qwen2.5 model
 * @param vit the ViT, or null
 * @param flux the folder of a FLUX.1 pipeline, or null
 * @param codes image tokens
 * @param adapterLayers vision-specific blocks before the language model's
 * @param headLayers vision-specific blocks after them
 * @param seed of fresh parameters
 */
public record UnifiedFromQwen(Path qwen, @Nullable Vit vit, @Nullable Path flux, int codes, int adapterLayers, int headLayers, long seed) {
    /** As released: {@code image_vocab_size} 16,384, {@code mm_vocab_size} 16,448. */
    private static final int OTHER_MM_TOKENS = 64;

    private static final int CODE_WIDTH = 2048;
    private static final Set<String> FLUX_PARTS =
            Set.of("model_index.json", "scheduler", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2");

    /** @throws InputException if a number is out of range */
    public UnifiedFromQwen {
        if (codes < 1 || codes > 1 << 20 || adapterLayers < 0 || headLayers < 0 || adapterLayers + headLayers > 512) {
            throw new InputException("image-vocab " + codes + " must be 1 to " + (1 << 20) + ", adapter-layers " + adapterLayers
                    + " and head-layers " + headLayers + " at least 0 and together at most 512");
        }
    }

    /**
     * Writes the checkpoint; the folder appears when it is whole.
     *
     * @param target does not exist, or is an empty folder
     * @throws InputException if a folder given is not what it should be, or the target is taken
     */
    public void write(Path target) {
        ObjectNode json = config();
        ObjectNode tokenizer = ImageVocabulary.extended(qwen.resolve("tokenizer.json"), json.path("vocab_size").asInt(), codes);
        if (flux != null && !Files.isDirectory(flux.resolve("vae"))) {
            throw new InputException(flux + " has no vae folder; point --flux at a FLUX.1-dev pipeline folder");
        }
        NewFolder.write(target, folder -> {
            Path model = Files.createDirectories(folder.resolve("model"));
            write(model.resolve("config.json"), json);
            UnifiedConfig config = UnifiedConfig.of(ConfigFile.read(model.resolve("config.json")));
            write(model.resolve("tokenizer.json"), tokenizer);
            for (String name : List.of("tokenizer_config.json", "chat_template.jinja", "generation_config.json")) {
                if (Files.isRegularFile(qwen.resolve(name))) {
                    Files.copy(qwen.resolve(name), model.resolve(name));
                }
            }
            QwenCheckpoint.convert(qwen, config, Initial.transformer(seed, config.layers()), model);
            if (vit != null) {
                link(vit.file(), model.resolve("siglip.pt"));
            }
            if (flux != null) {
                takeOver(flux, folder.resolve("flux"));
                if (Files.isDirectory(flux.resolve("transformer"))) {
                    FluxDecoder.convert(flux.resolve("transformer"), featureWidth(), model.resolve("decoder"));
                }
            }
        });
    }

    private int featureWidth() {
        return vit == null ? Vit.RELEASED_WIDTH : vit.width();
    }

    /** Qwen's configuration with what images need. */
    private ObjectNode config() {
        ObjectNode json = (ObjectNode) Json.readObject(qwen.resolve("config.json")).deepCopy();
        ConfigFile language = ConfigFile.read(qwen.resolve("config.json"));
        if (!language.text("model_type", "").equals("qwen2")) {
            throw new InputException(language.file() + ": model_type is '" + language.text("model_type", "")
                    + "', expected 'qwen2'; name a Qwen2.5 model");
        }
        if (language.flag("use_sliding_window", false)) {
            throw new InputException(language.file() + ": use_sliding_window is true, which is not supported; name a Qwen2.5 model without");
        }
        json.putArray("architectures").add("XOmniForCausalLM");
        json.put("model_type", "x-omni");
        json.put("num_hidden_layers", language.integer("num_hidden_layers") + adapterLayers + headLayers);
        json.put("num_mm_adap_layers", adapterLayers).put("num_mm_head_layers", headLayers);
        json.put("image_vocab_size", codes).put("mm_vocab_size", codes + OTHER_MM_TOKENS);
        json.put("tie_word_embeddings", false).put("torch_dtype", "bfloat16");
        ImageVocabulary.SPECIAL.forEach(json.putArray("mm_special_tokens")::add);
        json.set("vision_config", visionConfig());
        return json;
    }

    private JsonNode visionConfig() {
        ObjectNode vision = Json.mapper().createObjectNode();
        vision.putObject("decoder").put("cfg_scale", 1.0).put("cfg_scale_2", 1.0).put("model_path", "decoder")
                .put("num_inference_steps", 28).put("upscale_factor", 16);
        vision.put("dtype", "bfloat16");
        ObjectNode encoder = vision.putObject("encoder").put("codebook_dim", CODE_WIDTH).put("codebook_size", codes)
                .put("projector_path", "projector.pt").put("siglip_path", "siglip.pt").put("with_norm", true)
                .put("z_channels", featureWidth());
        if (vit == null) {
            encoder.put("siglip_name", Vit.RELEASED);
        } else {
            vit.describe(encoder);
        }
        int patch = vit == null ? 16 : vit.patchSize();
        vision.putObject("transform").put("filtering", true).put("long_size", 72 * patch).put("max_aspect_ratio", 3.0)
                .put("min_short_size", 24 * patch).put("patch_size", patch).putNull("random_ratio").put("short_size", 24 * patch);
        return vision;
    }

    private static void write(Path file, ObjectNode json) throws IOException {
        Files.writeString(file, Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
    }

    private static void takeOver(Path flux, Path target) throws IOException {
        try (Stream<Path> all = Files.walk(flux, java.nio.file.FileVisitOption.FOLLOW_LINKS)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                Path name = flux.relativize(file);
                if (FLUX_PARTS.contains(name.getName(0).toString())) {
                    link(file, target.resolve(name));
                }
            }
        }
    }

    /** Large weights share their place on the disk, where the file system can: our files are replaced, never written to. */
    private static void link(Path file, Path target) throws IOException {
        Files.createDirectories(Objects.requireNonNull(target.getParent(), "a file lies in a folder"));
        if (file.toString().endsWith(".safetensors") || file.toString().endsWith(".pt")) {
            try {
                Files.createLink(target, file.toRealPath());
                return;
            } catch (IOException | UnsupportedOperationException e) {
                // Another file system: copied below.
            }
        }
        Files.copy(file, target, StandardCopyOption.COPY_ATTRIBUTES);
    }
}
