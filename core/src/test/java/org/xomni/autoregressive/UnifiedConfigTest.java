package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.Fixtures;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.ConfigFile;
import org.xomni.tensor.Json;
import tools.jackson.databind.node.ObjectNode;

class UnifiedConfigTest {
    @TempDir
    Path folder;

    private UnifiedConfig config(ObjectNode json) throws IOException {
        return UnifiedConfig.of(ConfigFile.read(Files.writeString(folder.resolve("config.json"), json.toString())));
    }

    private static ObjectNode released() {
        return (ObjectNode) Json.readObject(Fixtures.model("tiny-en").resolve("config.json"));
    }

    @Test
    void theBaseOfTheRotationMayStandInRopeParameters() throws IOException {
        ObjectNode json = released();
        double theta = config(json).ropeTheta();
        json.remove("rope_theta");
        json.putObject("rope_parameters").put("rope_theta", theta + 1);
        assertThat(config(json).ropeTheta()).isEqualTo(theta + 1);
    }

    @Test
    void scaledRotationsAreRefusedUnderEitherName() throws IOException {
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            for (String type : List.of("rope_type", "type")) {
                ObjectNode json = released();
                json.putObject(key).put(type, "yarn").put("factor", 4.0).put("rope_theta", 1e6);
                assertThatThrownBy(() -> config(json)).isInstanceOf(CheckpointException.class).hasMessageContaining(key + " of the type 'yarn' is not supported");
                json.putObject(key).put(type, "default").put("rope_theta", 1e6);
                assertThat(config(json).ropeTheta()).isEqualTo(1e6);
            }
        }
    }

    @Test
    void moreControlTokensMayFollow() throws IOException {
        ObjectNode json = released();
        json.withArray("mm_special_tokens").add("<SEP>");
        assertThat(config(json).specialTokens().subList(0, 3)).containsExactly("<SOM>", "<EOM>", "<IMAGE>");
        json.putArray("mm_special_tokens").add("<SOM>").add("<EOM>");
        assertThatThrownBy(() -> config(json)).isInstanceOf(CheckpointException.class).hasMessageContaining("names 2 tokens, expected at least 3");
    }

    @Test
    void visionSpecificBlocksMayOverlap() throws IOException {
        ObjectNode json = released();
        json.put("num_hidden_layers", 6).put("num_mm_adap_layers", 4).put("num_mm_head_layers", 4);
        UnifiedConfig config = config(json);
        assertThat(IntStream.range(0, 6).allMatch(config::visionSpecific)).isTrue();
    }

    @Test
    void controlTokensDiffer() {
        ObjectNode json = released();
        json.putArray("mm_special_tokens").add("<SOM>").add("<SOM>").add("<IMAGE>");
        assertThatThrownBy(() -> config(json)).isInstanceOf(CheckpointException.class).hasMessageContaining("names a token twice");
    }
}
