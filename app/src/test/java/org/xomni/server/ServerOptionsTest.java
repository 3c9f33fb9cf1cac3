package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.xomni.tensor.InputException;

/** A program that starts the server is held to what the command line is. */
class ServerOptionsTest {
    private static final String KEY = TestServer.KEY;

    @Test
    void beyondThisMachineAKeyIsDemandedUnlessEverybodyMayComeIn() {
        assertRefused("no address that can be found", "no such host", 0, List.of(), false, 1024, 1, 1);
        assertRefused("can be reached from other machines", "0.0.0.0", 0, List.of(), false, 1024, 1, 1);
        assertThat(options("0.0.0.0", 0, List.of(), true, 1024, 1, 1).keys()).isEmpty();
        assertThat(options("0.0.0.0", 0, List.of(KEY), false, 1024, 1, 1).keys()).containsExactly(KEY);
        assertThat(options("localhost", 0, List.of(), false, 1024, 1, 1).keys()).isEmpty();
        assertThatThrownBy(() -> ServerOptions.local(0).keys(List.of(KEY, "short"))).isInstanceOf(InputException.class)
                .hasMessageContaining("fewer than 16 characters").hasMessageNotContaining("short");
    }

    @Test
    void numbersAreWithinBounds() {
        assertRefused("--port 65536 is not a port", "127.0.0.1", 65_536, List.of(), false, 1024, 1, 1);
        assertRefused("--port -1 is not a port", "127.0.0.1", -1, List.of(), false, 1024, 1, 1);
        assertRefused("--max-body 1023 is below 1024", "127.0.0.1", 0, List.of(), false, 1023, 1, 1);
        assertRefused("--max-pixels 0 is below 1", "127.0.0.1", 0, List.of(), false, 1024, 0, 1);
        assertRefused("--max-prompt 0 is below 1", "127.0.0.1", 0, List.of(), false, 1024, 1, 0);
    }

    private static void assertRefused(String reason, String host, int port, List<String> keys, boolean everybody, int body, long pixels, int prompt) {
        assertThatThrownBy(() -> options(host, port, keys, everybody, body, pixels, prompt)).isInstanceOf(InputException.class).hasMessageContaining(reason);
    }

    private static ServerOptions options(String host, int port, List<String> keys, boolean everybody, int body, long pixels, int prompt) {
        return new ServerOptions(host, port, keys, everybody, body, pixels, prompt, false, false);
    }
}
