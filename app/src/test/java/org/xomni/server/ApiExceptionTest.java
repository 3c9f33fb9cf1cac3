package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.xomni.tensor.CheckpointException;
import org.xomni.tensor.InputException;

class ApiExceptionTest {
    @Test
    void faultsOfTheCheckpointAreTheServersAndStayInItsLog() {
        ApiException error = ApiException.of(new CheckpointException("/srv/models/secret/siglip.pt is missing; point --model at a complete checkpoint folder"));
        assertThat(error.status()).isEqualTo(500);
        assertThat(error.json().toString()).contains("\"server_error\"", "its log says why").doesNotContain("secret");
    }

    @Test
    void optionsAreFieldsToClients() {
        ApiException error = ApiException.of(new InputException("shorten the prompt or lower --max-tokens"));
        assertThat(error.status()).isEqualTo(400);
        assertThat(error.getMessage()).isEqualTo("shorten the prompt or lower max_tokens");
    }
}
