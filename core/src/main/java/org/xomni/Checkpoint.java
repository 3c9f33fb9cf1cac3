package org.xomni;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xomni.autoregressive.UnifiedConfig;
import org.xomni.decoder.DecoderDefaults;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.DType;
import org.xomni.tensor.ShardedSafetensors;
import org.xomni.tokenizer.TokenizerConfig;

/**
 * A checkpoint on disk as X-Omni was released: a model folder and the FLUX pipeline folder that it decodes with. Reading it here reads
 * configurations only.
 *
 * @param folder {@code config.json}, weights, tokenizers, {@code decoder/}
 * @param flux the FLUX pipeline folder, or null if none was found; needed to make pixels only
 * @param unified the unified model's sizes
 * @param tokenizer the image tokenizer's
 * @param decoder the decoder's defaults
 * @param defaultSize height and width in pixels of an image when nobody names them
 * @param visionDType of the image tokenizer and the decoder, or null if the configuration does not say
 */
public record Checkpoint(
        Path folder, @Nullable Path flux, UnifiedConfig unified, TokenizerConfig tokenizer, DecoderDefaults decoder, Size defaultSize,
        @Nullable DType visionDType) {

    /** Pixels. */
    public record Size(int height, int width) {}

    /**
     * Reads the configurations.
     *
     * @param flux the FLUX folder, or null to look in {@code folder/flux} and beside {@code folder}
     * @throws CheckpointException if one is missing or impossible
     */
    public static Checkpoint read(Path folder, @Nullable Path flux) {
        if (!Files.isDirectory(folder)) {
            throw new CheckpointException(folder + " is not a folder; give a checkpoint's folder, the one with config.json");
        }
        if (flux != null && !Files.isDirectory(flux)) {
            throw new CheckpointException(flux + " is not a folder; point --flux at a FLUX.1-dev pipeline folder, the one with vae/ and scheduler/");
        }
        Path config = folder.resolve("config.json");
        ConfigFile json = ConfigFile.read(config);
        UnifiedConfig unified = UnifiedConfig.of(json);
        ConfigFile vision = json.child("vision_config");
        TokenizerConfig tokenizer = TokenizerConfig.read(folder);
        DecoderDefaults decoder = DecoderDefaults.of(vision.child("decoder"));
        if (tokenizer.encoder().codebookSize() != unified.imageVocabSize()) {
            throw new CheckpointException(config + ": image_vocab_size is " + unified.imageVocabSize() + " and codebook_size is "
                    + tokenizer.encoder().codebookSize() + ", expected the same; restore config.json from the original checkpoint");
        }
        return new Checkpoint(
                folder, flux != null ? flux : findFlux(folder), unified, tokenizer, decoder, defaultSize(folder, tokenizer), dtype(config, vision));
    }

    private static @Nullable DType dtype(Path config, ConfigFile vision) {
        if (!vision.has("dtype")) {
            return null;
        }
        String name = vision.text("dtype");
        return switch (name.startsWith("torch.") ? name.substring("torch.".length()) : name) {
            case "float32" -> DType.FLOAT32;
            case "bfloat16" -> DType.BFLOAT16;
            case "float16" -> DType.FLOAT16;
            default -> throw new CheckpointException(config + ": vision_config.dtype is '" + name + "', expected float32, bfloat16 or float16; fix the file");
        };
    }

    private static @Nullable Path findFlux(Path folder) {
        Path inside = folder.resolve("flux");
        if (Files.isDirectory(inside)) {
            return inside;
        }
        Path beside = folder.toAbsolutePath().normalize().resolveSibling("flux");
        return Files.isDirectory(beside) ? beside : null;
    }

    /** {@code image_size} of {@code generation_config.json}, or the longest side that the tokenizer was made for: 1152 as released. */
    private static Size defaultSize(Path folder, TokenizerConfig tokenizer) {
        Path generation = folder.resolve("generation_config.json");
        if (Files.isRegularFile(generation)) {
            ConfigFile json = ConfigFile.read(generation);
            if (json.has("image_size")) {
                var sides = json.integers("image_size");
                if (sides.size() != 2) {
                    throw new CheckpointException(generation + ": image_size is " + sides + ", expected [height, width]; fix the file");
                }
                return new Size(sides.get(0), sides.get(1));
            }
        }
        int patch = tokenizer.transform().patchSize();
        int side = tokenizer.transform().longSize() / patch * patch;
        return new Size(side, side);
    }

    /**
     * The FLUX folder.
     *
     * @throws CheckpointException if there is none
     */
    public Path requireFlux() {
        if (flux == null) {
            throw new CheckpointException("no FLUX folder for " + folder + "; point --flux at a FLUX.1-dev pipeline folder, or put it at "
                    + folder.resolve("flux"));
        }
        return flux;
    }

    /** The type in which the image tokenizer and the decoder are used: {@code vision_config.dtype}, or where that is missing that of the unified model. */
    public DType visionDType() {
        return visionDType != null ? visionDType : storedDType();
    }

    /** The type that most elements of the unified model's weights have. */
    public DType storedDType() {
        try (ShardedSafetensors weights = ShardedSafetensors.open(folder, "model")) {
            return weights.tensors().values().stream()
                    .collect(Collectors.groupingBy(
                            t -> t.dtype(), Collectors.summingLong(t -> t.elements())))
                    .entrySet()
                    .stream()
                    .max(Map.Entry.comparingByValue())
                    .map(Map.Entry::getKey)
                    .orElse(DType.FLOAT32);
        }
    }

    /**
     * Writes the checkpoint into a new folder in the same layout, a FLUX folder inside included; one beside it is not. Every weights file is
     * read, checked and written in its own format, in the same shards; what is not weights is copied, hidden files excepted. The folder
     * appears under its name when it is whole.
     *
     * @param target does not exist, or is an empty folder
     * @throws org.xomni.tensor.InputException if the target is taken or a weights file is damaged
     * @throws org.xomni.tensor.XOmniException if the disk does not take it
     */
    public void save(Path target) {
        CheckpointWriter.write(folder, target);
    }
}
