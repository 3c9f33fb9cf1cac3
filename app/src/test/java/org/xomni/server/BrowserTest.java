package org.xomni.server;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The web page in a real browser, at the sizes of a desk and of a phone: see {@code browser.mjs} and {@code models.mjs}. Screenshots are left in {@code target}. */
class BrowserTest {
    private static final List<String> BROWSERS = List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");

    @Test
    void aPersonDrawsCancelsTalksAndDrawsAgain() throws Exception {
        Path root = Path.of(System.getProperty("xomni.root"));
        Path shots = Files.createDirectories(root.resolve("app/target/screenshots"));
        String browser = browser();
        try (TestServer server = TestServer.start()) {
            Path picture = Path.of(System.getProperty("xomni.fixtures"), "tiny-en/golden/images/0_120x96_RGB.png");
            NodePackages.script("browser.mjs", server.url(""), browser, picture.toString(), shots.toString());
        }
    }

    @Test
    void aPersonChoosesAmongModels() throws Exception {
        String browser = browser();
        Path shots = Files.createDirectories(Path.of(System.getProperty("xomni.root")).resolve("app/target/screenshots"));
        try (TestServer server = TestServer.several()) {
            NodePackages.script("models.mjs", server.url(""), browser, shots.toString(), TestServer.MODEL, TestServer.OTHER);
        }
    }

    /** A browser of this machine; where a Debian can install one, it is installed. */
    private static String browser() throws Exception {
        if (find().isEmpty() && NodePackages.found("apt-get") && "root".equals(System.getProperty("user.name"))) {
            try {
                String unused = NodePackages.run(Path.of("/"), List.of("sh", "-c", "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy chromium"));
            } catch (AssertionError e) {
                System.err.println("no browser could be installed: " + e.getMessage());
            }
        }
        Optional<String> browser = find();
        assumeTrue(browser.isPresent(), "SKIPPED: there is no Chromium on this machine, and none could be installed; the web page was NOT tested");
        return browser.orElseThrow();
    }

    private static Optional<String> find() {
        return BROWSERS.stream().filter(NodePackages::found).findFirst().flatMap(name -> List.of(System.getenv("PATH").split(":")).stream()
                .map(folder -> Path.of(folder, name)).filter(Files::isExecutable).map(Path::toString).findFirst());
    }
}
