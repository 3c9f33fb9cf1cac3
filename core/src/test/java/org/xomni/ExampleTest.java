package org.xomni;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xomni.image.ImageFiles;

/** The example of {@code docs/serving.md} is what it says: a program that compiles and runs. */
class ExampleTest {
    @TempDir
    Path folder;

    @Test
    void theExampleCompilesAndRuns() throws Exception {
        String page = Files.readString(Path.of(System.getProperty("xomni.root"), "docs/serving.md"));
        Matcher block = Pattern.compile("```java\\n(import .*?)```", Pattern.DOTALL).matcher(page);
        assertThat(block.find()).isTrue();
        Path source = Files.writeString(folder.resolve("Example.java"), block.group(1));
        int failed = ToolProvider.getSystemJavaCompiler()
                .run(null, null, null, "-proc:none", "-cp", System.getProperty("java.class.path"), "-d", folder.toString(), source.toString());
        assertThat(failed).isZero();

        Path picture = folder.resolve("sign.png");
        try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            String[] arguments = {Fixtures.model("tiny-en").toString(), picture.toString()};
            Object unused = loader.loadClass("Example").getMethod("main", String[].class).invoke(null, (Object) arguments);
        }
        assertThat(ImageFiles.read(picture).height()).isEqualTo(64);
        assertThat(ImageFiles.read(picture).width()).isEqualTo(96);
    }
}
