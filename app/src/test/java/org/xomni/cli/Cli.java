package org.xomni.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.xomni.image.Pixels;

/** Runs command lines in this process and keeps what they print. */
record Cli(int exitCode, String out, String err) {

    static Cli run(String... args) {
        return type("", args);
    }

    static synchronized Cli type(String stdin, String... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        InputStream in = System.in;
        ByteArrayOutputStream capturedOut = new ByteArrayOutputStream();
        ByteArrayOutputStream capturedErr = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(capturedOut, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
            System.setIn(new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8)));
            int code = Main.run(args);
            return new Cli(code, capturedOut.toString(StandardCharsets.UTF_8), capturedErr.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
            System.setIn(in);
        }
    }

    /** Fails if an image differs from another by more than one step of 255 in a channel: what rounding does, in company or elsewhere. */
    static void assertSameButForRounding(Pixels actual, Pixels expected) {
        assertThat(actual.height()).isEqualTo(expected.height());
        assertThat(actual.width()).isEqualTo(expected.width());
        int largest = 0;
        for (int i = 0; i < expected.rgb().length; i++) {
            largest = Math.max(largest, Math.abs((actual.rgb()[i] & 0xff) - (expected.rgb()[i] & 0xff)));
        }
        assertThat(largest).isLessThanOrEqualTo(1);
    }

    static Path fixture(String name) {
        return Path.of(System.getProperty("xomni.fixtures"), name);
    }

    static String model(String name) {
        return fixture(name).resolve("model").toString();
    }

    /** Copies a folder with all that is in it. */
    static void copy(Path source, Path target) throws IOException {
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copied = target.resolve(source.relativize(file));
                Files.createDirectories(copied.getParent());
                Files.copy(file, copied);
            }
        }
    }
}
