package org.xomni.server;

import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Map;

/** The web page's files, read once from the class path: a request's path is only looked up among their names. */
final class WebPage {
    private static final Map<String, String> FILES = Map.of(
            "index.html", "text/html; charset=utf-8",
            "style.css", "text/css; charset=utf-8",
            "main.js", "text/javascript; charset=utf-8",
            "api.js", "text/javascript; charset=utf-8",
            "draw.js", "text/javascript; charset=utf-8",
            "chat.js", "text/javascript; charset=utf-8",
            "history.js", "text/javascript; charset=utf-8",
            "models.js", "text/javascript; charset=utf-8",
            "grid.js", "text/javascript; charset=utf-8",
            "icon.svg", "image/svg+xml");

    private WebPage() {}

    /** A file as it is sent. */
    @SuppressWarnings("ArrayRecordComponent")
    record Asset(byte[] bytes, String mediaType) {}

    /** All files by their path on the server. */
    static Map<String, Asset> load() {
        Map<String, Asset> assets = new LinkedHashMap<>();
        FILES.forEach((name, type) -> assets.put(name.equals("index.html") ? "/" : "/" + name, new Asset(resource("web/" + name), type)));
        return assets;
    }

    /** @param name relative to this package */
    static byte[] resource(String name) {
        try (InputStream in = WebPage.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(name + " is missing from the program");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(name + " cannot be read", e);
        }
    }
}
