package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What becomes of the process's streams, seen from outside. */
class StandardStreamsTest {
    private record Ended(int code, List<String> err) {}

    private static Ended run(File out, String... arguments) throws Exception {
        Process process = new ProcessBuilder(Jvm.command(arguments)).redirectOutput(out).start();
        List<String> err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines().filter(line -> !line.startsWith("WARNING: Using incubator modules")).toList();
        return new Ended(process.waitFor(), err);
    }

    @Test
    void outputThatIsLostIsAFailure() throws Exception {
        File full = new File("/dev/full");
        assumeThat(full).exists();
        for (String[] command : new String[][] {{"--help"}, {"inspect", "--model", Cli.model("tiny-en")}}) {
            Ended ended = run(full, command);
            assertThat(ended.code()).isEqualTo(1);
            assertThat(ended.err()).singleElement().asString().startsWith("xomni: what was to be printed is lost (");
        }
    }

    @Test
    void aPortInUseIsOneLine() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Ended ended = run(ProcessBuilder.Redirect.DISCARD.file(), "serve", "--model", Cli.model("tiny-en"), "--port", Integer.toString(taken.getLocalPort()));
            assertThat(ended.code()).isEqualTo(2);
            assertThat(ended.err()).singleElement().asString().contains("cannot listen on 127.0.0.1");
        }
    }
}
