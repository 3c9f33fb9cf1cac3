package org.xomni.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The command line in a process of its own. */
final class Jvm {
    private Jvm() {}

    /** What to type: {@code java ... Main} and these arguments. */
    static List<String> command(String... arguments) {
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED",
                "--add-modules=jdk.incubator.vector", "-Dorg.bytedeco.javacpp.maxphysicalbytes=0", "-DOPT_OUT_TRACKING=true",
                "-Djava.awt.headless=true", "-Xmx1g", "-cp", System.getProperty("java.class.path"), "org.xomni.cli.Main"));
        line.addAll(List.of(arguments));
        return line;
    }

    static Process start(String... arguments) throws IOException {
        return new ProcessBuilder(command(arguments)).start();
    }
}
