package org.xomni.decoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xomni.Fixtures;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;

class DecoderConfigsTest {
    @TempDir
    Path folder;

    @Test
    void whatTheFixturesSayAboutDecodingIsRead() {
        ConfigFile file = ConfigFile.read(Fixtures.model("tiny-en").resolve("config.json"));

        assertThat(DecoderDefaults.of(file.child("vision_config").child("decoder"))).isEqualTo(new DecoderDefaults("decoder", 1.5, 6, 16));
    }

    /** The published file of FLUX.1-dev has neither axes nor out_channels. */
    @Test
    void whatATransformerLeavesOutIsAsInFlux() throws IOException {
        Path file = Files.writeString(folder.resolve("config.json"), "{\"guidance_embeds\": true, \"siglip_channels\": 1536}");
        assertThat(DecoderConfig.of(ConfigFile.read(file))).isEqualTo(new DecoderConfig(128, 24, List.of(16, 56, 56), 64, 19, 38, 4096, 768, 1536, true));
    }

    /** As the reference takes it, which overrides what the decoder's own file says. */
    @Test
    void theModelSaysTheWidthOfFeatures() throws IOException {
        Path model = folder.resolve("model");
        Path decoder = Files.createDirectories(model.resolve("vision").resolve("decoder")).resolve("config.json");
        Files.writeString(decoder, "{\"siglip_channels\": 1536}");
        assertThat(DecoderConfig.of(ConfigFile.read(decoder)).siglipChannels()).as("alone").isEqualTo(1536);
        Files.copy(Fixtures.model("tiny-en").resolve("config.json"), model.resolve("config.json"));
        assertThat(DecoderConfig.of(ConfigFile.read(decoder)).siglipChannels()).isEqualTo(64);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock = """
            "num_attention_heads": 4    | "num_attention_heads": 0      | num_attention_heads is 0, expected 1 to 1024
            "num_layers": 2             | "num_layers": 2000000000      | num_layers is 2000000000
            "num_layers": 2             | "num_layers": 2.5             | num_layers is 2.5
            "attention_head_dim": 16    | "attention_head_dim": 32      | axes_dims_rope is [4, 6, 6]
            "in_channels": 16           | "in_channels": "x"            | in_channels
            "out_channels": null        | "out_channels": 12            | out_channels is 12, expected in_channels 16
            "patch_size": 1             | "patch_size": 2               | patch_size is 2
            """)
    void impossibleTransformersAreRefused(String from, String to, String message) throws IOException {
        assertRefused(Fixtures.model("tiny-en").resolve("decoder/config.json"), from, to, DecoderConfig::of, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock = """
            "norm_num_groups": 4        | "norm_num_groups": 5          | block_out_channels 8 is not divisible by norm_num_groups 5
            "scaling_factor": 0.3611    | "scaling_factor": 0           | scaling_factor is 0
            "latent_channels": 4        | "latent_channels": -4         | latent_channels is -4
            "in_channels": 3            | "in_channels": 4              | in_channels is 4, expected 3
            """)
    void impossibleAutoencodersAreRefused(String from, String to, String message) throws IOException {
        assertRefused(Fixtures.flux("tiny-en").resolve("vae/config.json"), from, to, VaeConfig::of, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock = """
            "use_karras_sigmas": false          | "use_karras_sigmas": true             | use_karras_sigmas is true
            "shift_terminal": null              | "shift_terminal": 0.1                 | shift_terminal is 0.1
            "time_shift_type": "exponential"    | "time_shift_type": "linear"           | time_shift_type is linear
            "max_image_seq_len": 4096           | "max_image_seq_len": 256              | max_image_seq_len is 256, expected 257
            """)
    void schedulesThatAreNotImplementedAreRefused(String from, String to, String message) throws IOException {
        assertRefused(Fixtures.flux("tiny-en").resolve("scheduler/scheduler_config.json"), from, to, SchedulerConfig::of, message);
    }

    @Test
    void impossibleTextEncodersAreRefused() throws IOException {
        Path clip = Fixtures.flux("tiny-en").resolve("text_encoder/config.json");
        Path t5 = Fixtures.flux("tiny-en").resolve("text_encoder_2/config.json");

        assertRefused(clip, "\"quick_gelu\"", "\"relu\"", ClipConfig::of, "hidden_act is relu, expected quick_gelu or gelu");
        assertRefused(clip, "\"num_attention_heads\": 2", "\"num_attention_heads\": 5", ClipConfig::of, "hidden_size 24 is not divisible");
        assertRefused(t5, "\"gated-gelu\"", "\"relu\"", T5Config::of, "feed_forward_proj is relu");
        assertRefused(t5, "num_buckets\": 32", "num_buckets\": 33", T5Config::of, "relative_attention_num_buckets is 33");
    }

    @ParameterizedTest
    @CsvSource({"../decoder", "/decoder", "a/../../b", "''", ".."})
    void decodersOutsideOfTheCheckpointAreRefused(String path) {
        assertThatThrownBy(() -> new DecoderDefaults(path, 1, 28, 16))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("expected a folder inside the checkpoint");
    }

    private void assertRefused(Path original, String from, String to, Function<ConfigFile, Record> read, String message)
            throws IOException {
        String text = Files.readString(original);
        assertThat(text).contains(from);
        Path changed = Files.writeString(folder.resolve("config.json"), text.replace(from, to));

        assertThatThrownBy(() -> read.apply(ConfigFile.read(changed)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(message);
    }
}
