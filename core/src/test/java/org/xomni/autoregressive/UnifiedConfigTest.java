package org.xomni.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
    void controlTokensDiffer() {
        ObjectNode json = released();
        json.putArray("mm_special_tokens").add("<SOM>").add("<SOM>").add("<IMAGE>");
        assertThatThrownBy(() -> config(json)).isInstanceOf(CheckpointException.class).hasMessageContaining("names a token twice");
    }
}
