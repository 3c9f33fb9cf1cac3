package org.xomni.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs the scripts of {@code src/test/js} with the packages that their package-lock.json names, installed once into {@code target}. */
final class NodePackages {
    private static final Path SOURCES = Path.of(System.getProperty("xomni.root"), "app/src/test/js");
    private static final Path FOLDER = Path.of(System.getProperty("xomni.root"), "app/target/js");
    private static final int MINUTES = 8;

    private NodePackages() {}

    /** Where the scripts lie with their packages; skips the test, saying so, on a machine without Node. */
    static synchronized Path install() throws IOException, InterruptedException {
        assumeTrue(found("node") && found("npm"), "SKIPPED: node and npm are not on the PATH; install Node 20 or newer to run this test");
        Files.createDirectories(FOLDER);
        try (Stream<Path> files = Files.list(SOURCES)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, FOLDER.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        Path installed = FOLDER.resolve("node_modules/.package-lock.json");
        if (!Files.exists(installed) || Files.getLastModifiedTime(installed).compareTo(Files.getLastModifiedTime(SOURCES.resolve("package-lock.json"))) < 0) {
            run(FOLDER, List.of("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"));
            Files.setLastModifiedTime(installed, FileTime.fromMillis(System.currentTimeMillis()));
        }
        return FOLDER;
    }

    /** Runs a script, which must end well. */
    static void script(String name, String... arguments) throws IOException, InterruptedException {
        Path folder = install();
        List<String> command = new ArrayList<>(List.of("node", name));
        command.addAll(List.of(arguments));
        assertThat(run(folder, command)).contains("all is well");
    }

    /** Whether a program is on the PATH. */
    static boolean found(String program) {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator)).anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    static String run(Path folder, List<String> command) throws IOException, InterruptedException {
        Path log = Files.createTempFile("command", ".log");
        try {
            Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(log.toFile()).start();
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                Process unused = process.destroyForcibly();
            }
            String output = Files.readString(log, StandardCharsets.UTF_8);
            assertThat(process.isAlive() ? -1 : process.exitValue()).as(command.getFirst() + " " + command.get(1) + ": " + output).isZero();
            return output;
        } finally {
            Files.delete(log);
        }
    }
}
