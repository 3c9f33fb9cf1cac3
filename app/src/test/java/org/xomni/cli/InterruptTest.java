package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class InterruptTest {

    /** A process with a shutdown hook, as native libraries have one that closes them. */
    static final class Work {
        private Work() {}

        public static void main(String[] args) throws InterruptedException {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("closed")));
            if (args[0].equals("at once")) {
                Interrupt.endAtOnce();
                System.out.println("ready");
                Thread.sleep(60_000);
            }
            int code;
            try (Interrupt interrupt = Interrupt.listen()) {
                System.out.println("ready");
                while (!interrupt.asked()) {
                    Thread.sleep(1);
                }
                Thread.sleep(500);
                System.out.println("finished");
                code = interrupt.exitCode();
            }
            System.exit(code);
        }
    }

    private static void endsWith(List<String> said, String how) throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp", System.getProperty("java.class.path"), Work.class.getName(), how)
                .start();
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            assertThat(out.readLine()).isEqualTo("ready");
            boolean unused = process.toHandle().destroy();
            assertThat(out.lines()).containsExactlyElementsOf(said);
            assertThat(process.waitFor()).as("ended by SIGTERM").isEqualTo(128 + 15);
        } finally {
            Process unused = process.destroyForcibly();
        }
    }

    @Test
    void nothingIsClosedBeforeTheWorkHasEnded() throws Exception {
        endsWith(List.of("finished", "closed"), "after the step");
    }

    @Test
    void whatHasNothingToFinishEndsWithoutClosingWhatIsInUse() throws Exception {
        endsWith(List.of(), "at once");
    }
}
