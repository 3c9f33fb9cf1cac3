package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.image.ImageFiles;

/** The examples of {@code docs/serving.md} are what it says: programs that compile and run. */
class ExampleTest {
    private static final Pattern PROGRAM = Pattern.compile("```java\\n(import .*?public class (\\w+).*?)```", Pattern.DOTALL);

    @TempDir
    Path folder;

    @Test
    void theExamplesCompileAndRun() throws Exception {
        Path picture = folder.resolve("sign.png");
        String[] arguments = {Fixtures.model("tiny-en").toString(), picture.toString()};
        StringBuilder ran = new StringBuilder();
        Matcher program = PROGRAM.matcher(Files.readString(Path.of(System.getProperty("xomni.root"), "docs/serving.md")));
        while (program.find()) {
            String said = run(program.group(2), program.group(1), arguments);
            ran.append(program.group(2)).append(' ');
            if (program.group(2).equals("Service")) {
                assertThat(said).contains("1 of 24", "24 of 24");
            }
        }
        assertThat(ran).hasToString("Example Service ");
        assertThat(ImageFiles.read(picture).height()).isEqualTo(64);
        assertThat(ImageFiles.read(picture).width()).isEqualTo(96);
    }

    /** Runs a program; what it prints. */
    private String run(String name, String source, String... arguments) throws Exception {
        Path file = Files.writeString(folder.resolve(name + ".java"), source);
        int failed = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "-proc:none", "-cp", System.getProperty("java.class.path"), "-d", folder.toString(), file.toString());
        assertThat(failed).isZero();
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            Object unused = loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } finally {
            System.setOut(before);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }
}
